// Offsets, sizes and numbers of the system's own virtio-gpu header, for tests to compare the package's with.
#ifndef CVIRTIOGPUABI_H
#define CVIRTIOGPUABI_H

#include <linux/virtio_gpu.h>
#include <stddef.h>

#define ABI_SIZE(name, type) \
  static inline size_t abi_size_##name(void) { return sizeof(struct type); }
#define ABI_OFFSET(name, type, field) \
  static inline size_t abi_##name##_##field(void) { return offsetof(struct type, field); }

ABI_SIZE(header, virtio_gpu_ctrl_hdr)
ABI_SIZE(cursor, virtio_gpu_update_cursor)
ABI_SIZE(unref, virtio_gpu_resource_unref)
ABI_SIZE(map_blob, virtio_gpu_resource_map_blob)
ABI_SIZE(unmap_blob, virtio_gpu_resource_unmap_blob)
ABI_SIZE(create, virtio_gpu_resource_create_2d)
ABI_SIZE(set_scanout, virtio_gpu_set_scanout)
ABI_SIZE(flush, virtio_gpu_resource_flush)
ABI_SIZE(transfer, virtio_gpu_transfer_to_host_2d)
ABI_SIZE(entry, virtio_gpu_mem_entry)
ABI_SIZE(attach, virtio_gpu_resource_attach_backing)
ABI_SIZE(detach, virtio_gpu_resource_detach_backing)
ABI_SIZE(assign_uuid, virtio_gpu_resource_assign_uuid)
ABI_SIZE(uuid, virtio_gpu_resp_resource_uuid)
ABI_SIZE(create_blob, virtio_gpu_resource_create_blob)
ABI_SIZE(set_scanout_blob, virtio_gpu_set_scanout_blob)
ABI_SIZE(get_edid, virtio_gpu_cmd_get_edid)
ABI_SIZE(edid, virtio_gpu_resp_edid)
ABI_SIZE(display_info, virtio_gpu_resp_display_info)
ABI_SIZE(display_one, virtio_gpu_display_one)
ABI_SIZE(config, virtio_gpu_config)

// What a request of each kind looks like, filled in by the compiler from the header's own structures.
union abi_request {
  struct virtio_gpu_ctrl_hdr header;
  struct virtio_gpu_update_cursor cursor;
  struct virtio_gpu_resource_unref unref;
  struct virtio_gpu_resource_create_2d create;
  struct virtio_gpu_set_scanout set_scanout;
  struct virtio_gpu_resource_flush flush;
  struct virtio_gpu_transfer_to_host_2d transfer;
  struct virtio_gpu_resource_attach_backing attach;
  struct virtio_gpu_resource_detach_backing detach;
  struct virtio_gpu_cmd_get_edid get_edid;
  struct virtio_gpu_resource_create_blob create_blob;
  struct virtio_gpu_set_scanout_blob set_scanout_blob;
};

ABI_OFFSET(edid, virtio_gpu_resp_edid, size)
ABI_OFFSET(edid, virtio_gpu_resp_edid, edid)
ABI_OFFSET(display_info, virtio_gpu_resp_display_info, pmodes)
ABI_OFFSET(display_one, virtio_gpu_display_one, enabled)
ABI_OFFSET(display_one, virtio_gpu_display_one, flags)
ABI_OFFSET(config, virtio_gpu_config, events_read)
ABI_OFFSET(config, virtio_gpu_config, events_clear)
ABI_OFFSET(config, virtio_gpu_config, num_scanouts)
ABI_OFFSET(config, virtio_gpu_config, num_capsets)
ABI_OFFSET(uuid, virtio_gpu_resp_resource_uuid, uuid)
ABI_OFFSET(create_blob, virtio_gpu_resource_create_blob, nr_entries)
ABI_OFFSET(attach, virtio_gpu_resource_attach_backing, nr_entries)
ABI_OFFSET(entry, virtio_gpu_mem_entry, addr)
ABI_OFFSET(entry, virtio_gpu_mem_entry, length)

#endif
