//! A VMM's display in Rust, with nothing but `std` and the C interface. Usage: first-picture FILE.ppm
//!
//! The guest here is a few dozen lines of a virtio-gpu driver that brings its accesses to the device as vCPUs do.
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::sync::mpsc::{channel, Sender};
use std::{fs, mem, ptr};

/// What `scanout.h` declares of what is used here.
#[allow(non_camel_case_types)]
mod scanout {
    use super::*;
    pub enum memory {}
    pub enum device {}
    pub enum attachment {}

    #[repr(C)]
    pub struct output { pub size: u32, pub flags: u32, pub width: u32, pub height: u32, pub x: u32, pub y: u32 }

    #[repr(C)]
    pub struct display_options {
        pub size: u32,
        pub flags: u32,
        pub outputs: *const output,
        pub output_count: u32,
        pub largest_width: u32,
        pub largest_height: u32,
        pub reserved: u32,
        pub memory_limit: u64,
        pub host_visible_memory: u64,
        pub bus: *const c_void,
        pub context: *mut c_void,
        pub refused: Option<extern "C" fn(*mut c_void, *const c_void)>,
    }

    #[repr(C)]
    pub struct front_end {
        pub size: u32,
        pub major: u32,
        pub minor: u32,
        pub reserved: u32,
        pub kind: *const c_char,
        pub label: *const c_char,
        pub context: *mut c_void,
        pub output_changed: Option<extern "C" fn(*mut c_void, u32)>,
        pub largest_picture: Option<extern "C" fn(*mut c_void, u32, *mut u32, *mut u32)>,
    }

    #[repr(C)]
    pub struct changes {
        pub size: u32,
        pub flags: u32,
        pub width: u32,
        pub height: u32,
        pub damage_count: u32,
        pub reserved: u32,
        pub damage: [[u32; 4]; 16],
    }

    #[link(name = "scanout")]
    extern "C" {
        pub fn scanout_version() -> *const c_char;
        pub fn scanout_memory_create(memory: *mut *mut memory) -> c_int;
        pub fn scanout_memory_destroy(memory: *mut memory);
        pub fn scanout_memory_add_mapping(
            memory: *mut memory, address: u64, bytes: *mut c_void, size: u64, flags: u32) -> c_int;
        pub fn scanout_display_create(
            memory: *mut memory, options: *const display_options, device: *mut *mut device) -> c_int;
        pub fn scanout_device_destroy(device: *mut device);
        pub fn scanout_device_read(
            device: *mut device, region: u32, offset: u64, bytes: *mut c_void, count: usize) -> c_int;
        pub fn scanout_device_write(
            device: *mut device, region: u32, offset: u64, bytes: *const c_void, count: usize) -> c_int;
        pub fn scanout_display_attach(
            device: *mut device, front_end: *const front_end, attachment: *mut *mut attachment,
            message: *mut c_char, message_size: usize) -> c_int;
        pub fn scanout_detach(attachment: *mut attachment);
        pub fn scanout_take_changes(attachment: *mut attachment, output: u32, changes: *mut changes) -> c_int;
        pub fn scanout_copy_pixels(
            attachment: *mut attachment, output: u32, rectangle: *const [u32; 4], pixels: *mut c_void,
            stride: usize) -> c_int;
    }
}
use scanout::*;

const BASE: u64 = 0x4000_0000;
const RAM_SIZE: usize = 16 << 20;
const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

/// The guest: its RAM, a driver's idea of the function, and one queue of 16 entries.
struct Guest { device: *mut device, ram: *mut u8, bar: u32, common: u64, doorbell: u64, next: u16 }

/// Where things lie in the guest's RAM.
const TABLE: u64 = 0;
const AVAILABLE: u64 = 0x1000;
const USED: u64 = 0x2000;
const REQUEST: u64 = 0x3000;
const REPLY: u64 = 0x4000;
const PIXELS: u64 = 0x10_0000;

impl Guest {
    fn put(&self, at: u64, bytes: &[u8]) {
        assert!(at as usize + bytes.len() <= RAM_SIZE);
        // Inside the mapping, by the check.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.ram.add(at as usize), bytes.len()) }
    }
    /// A 16-bit field of a ring, as the device wrote it last.
    fn get(&self, at: u64) -> u16 { unsafe { ptr::read_volatile(self.ram.add(at as usize) as *const u16) } }

    fn read(&self, region: u32, offset: u64, width: usize) -> u32 {
        let mut value = 0u32;
        let result = unsafe { scanout_device_read(self.device, region, offset, &mut value as *mut u32 as *mut c_void, width) };
        assert_eq!(result, 0);
        value
    }
    fn write(&self, region: u32, offset: u64, width: usize, value: u32) {
        let result = unsafe { scanout_device_write(self.device, region, offset, &value as *const u32 as *const c_void, width) };
        assert_eq!(result, 0);
    }

    /// Finds the structures of virtio 1.4 §4.1.4 and brings the function up with queue 0.
    fn start(device: *mut device, ram: *mut u8) -> Guest {
        const CONFIG: u32 = 6;
        let mut guest = Guest { device, ram, bar: 0, common: 0, doorbell: 0, next: 0 };
        let mut at = guest.read(CONFIG, 0x34, 1) as u64;
        while at != 0 {
            let (id, kind, offset) = (guest.read(CONFIG, at, 1), guest.read(CONFIG, at + 3, 1), guest.read(CONFIG, at + 8, 4));
            if id == 9 && kind == 1 {
                guest.bar = guest.read(CONFIG, at + 4, 1);
                guest.common = offset as u64;
            } else if id == 9 && kind == 2 {
                guest.doorbell = offset as u64;
            }
            at = guest.read(CONFIG, at + 1, 1) as u64;
        }
        guest.write(CONFIG, 4, 2, 6);
        let set = |offset: u64, width: usize, value: u64| guest.write(guest.bar, guest.common + offset, width, value as u32);
        set(0x14, 1, 0);
        while guest.read(guest.bar, guest.common + 0x14, 1) != 0 {}
        set(0x14, 1, 3);
        set(0x08, 4, 1);
        set(0x0c, 4, 1); // VIRTIO_F_VERSION_1
        set(0x14, 1, 11);
        set(0x16, 2, 0);
        set(0x18, 2, 16);
        for (offset, place) in [(0x20, TABLE), (0x28, AVAILABLE), (0x30, USED)] {
            set(offset, 4, BASE + place);
            set(offset + 4, 4, 0);
        }
        set(0x1c, 2, 1);
        set(0x14, 1, 15);
        guest
    }

    /// Sends a request of the control queue and waits for its answer, which must be that all is well.
    fn command(&mut self, kind: u32, words: &[u32]) {
        let mut request = vec![kind, 0, 0, 0, 0, 0];
        request.extend_from_slice(words);
        let bytes: Vec<u8> = request.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(REQUEST, &bytes);
        let first = (self.next * 2 % 16) as u64;
        for (index, place, count, flags) in [(first, REQUEST, bytes.len(), 1u16), (first + 1, REPLY, 4096, 2)] {
            self.put(TABLE + 16 * index, &(BASE + place).to_le_bytes());
            self.put(TABLE + 16 * index + 8, &(count as u32).to_le_bytes());
            self.put(TABLE + 16 * index + 12, &flags.to_le_bytes());
            self.put(TABLE + 16 * index + 14, &(index as u16 + 1).to_le_bytes());
        }
        self.put(AVAILABLE + 4 + 2 * (self.next % 16) as u64, &(first as u16).to_le_bytes());
        self.next += 1;
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        self.put(AVAILABLE + 2, &self.next.to_le_bytes());
        self.write(self.bar, self.doorbell, 2, 0);
        while self.get(USED + 2) != self.next { std::thread::yield_now() }
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(self.get(REPLY), 0x1100, "request {kind:#x}");
    }

    fn draw(&mut self) {
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let pixel = [x as u8, y as u8, (x * 7 + y * 13) as u8, 0];
                self.put(PIXELS + 4 * (y * WIDTH + x) as u64, &pixel);
            }
        }
        self.command(0x101, &[1, 2, WIDTH, HEIGHT]);
        self.command(0x106, &[1, 1, (BASE + PIXELS) as u32, 0, WIDTH * HEIGHT * 4, 0]);
        self.command(0x103, &[0, 0, WIDTH, HEIGHT, 0, 1]);
        self.command(0x105, &[0, 0, WIDTH, HEIGHT, 0, 0, 1, 0]);
        self.command(0x104, &[0, 0, WIDTH, HEIGHT, 1, 0]);
    }
}

/// The front-end's callback: wakes whoever shows the picture.
extern "C" fn output_changed(context: *mut c_void, output: u32) {
    // The sender lives in `main` until the front-end is detached.
    let sender = unsafe { &*(context as *const Sender<u32>) };
    let _ = sender.send(output); // nobody listens any more at the end
}

fn main() {
    let path = std::env::args().nth(1).expect("first-picture FILE.ppm");
    let version = unsafe { CStr::from_ptr(scanout_version()) }.to_str().expect("text");
    assert!(version.starts_with("1."), "built for version 1, not {version}");
    // RAM of whole pages, which the library borrows.
    let layout = std::alloc::Layout::from_size_align(RAM_SIZE, 4096).expect("a layout");
    let ram = unsafe { std::alloc::alloc_zeroed(layout) };
    let (sender, changed) = channel::<u32>();
    unsafe {
        let mut memory = ptr::null_mut();
        assert_eq!(scanout_memory_create(&mut memory), 0);
        assert_eq!(scanout_memory_add_mapping(memory, BASE, ram as *mut c_void, RAM_SIZE as u64, 1), 0);
        let output = output { size: mem::size_of::<output>() as u32, flags: 0, width: WIDTH, height: HEIGHT, x: 0, y: 0 };
        let mut options: display_options = mem::zeroed();
        options.size = mem::size_of::<display_options>() as u32;
        options.outputs = &output;
        options.output_count = 1;
        let mut device = ptr::null_mut();
        assert_eq!(scanout_display_create(memory, &options, &mut device), 0);

        let mut front_end: front_end = mem::zeroed();
        front_end.size = mem::size_of::<front_end>() as u32;
        (front_end.major, front_end.minor) = (1, 1);
        front_end.kind = b"display\0".as_ptr() as *const c_char;
        front_end.label = b"first picture in Rust\0".as_ptr() as *const c_char;
        front_end.context = &sender as *const Sender<u32> as *mut c_void;
        front_end.output_changed = Some(output_changed);
        let mut attachment = ptr::null_mut();
        assert_eq!(scanout_display_attach(device, &front_end, &mut attachment, ptr::null_mut(), 0), 0);

        Guest::start(device, ram).draw();
        let mut changes: changes = mem::zeroed();
        changes.size = mem::size_of::<changes>() as u32;
        while changes.width == 0 {
            let output = changed.recv().expect("a change");
            assert_eq!(scanout_take_changes(attachment, output, &mut changes), 0);
        }
        let mut pixels = vec![0u8; (WIDTH * HEIGHT * 4) as usize];
        let result = scanout_copy_pixels(
            attachment, 0, ptr::null(), pixels.as_mut_ptr() as *mut c_void, (WIDTH * 4) as usize);
        assert_eq!(result, 0);
        let mut picture = format!("P6 {WIDTH} {HEIGHT} 255\n").into_bytes();
        for pixel in pixels.chunks(4) { picture.extend_from_slice(&[pixel[2], pixel[1], pixel[0]]) }
        fs::write(path, picture).expect("a file");
        scanout_detach(attachment);
        scanout_device_destroy(device);
        scanout_memory_destroy(memory);
        std::alloc::dealloc(ram, layout);
    }
}
