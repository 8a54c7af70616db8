/// When the fence of a flush is signalled: when RESOURCE_FLUSH with VIRTIO_GPU_FLAG_FENCE is answered.
public enum FlushFences: String, Sendable, CaseIterable {
  /// When the flush is carried out, as any other request.
  case now
  /// At the next refresh of the outputs that show what was flushed, so that a guest that waits for its fences draws no
  /// more pictures than a monitor would show.
  case refresh
}
