// swift-tools-version: 6.2
import PackageDescription

/// What every target of ours is built with: the word `unsafe` beside each unsafe use, or no build.
let house: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .error),
  // Own types that hand out a `Span` of their storage say how long it lives.
  .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
  name: "scanout",
  products: [
    // Each embedder takes what it needs; the first needs no C library.
    .library(name: "ScanoutDevice", targets: ["ScanoutDevice"]),
    .library(name: "VfioUser", targets: ["VfioUser"]),
    .library(name: "FrontEndPNG", targets: ["FrontEndPNG"]),
    .library(name: "FrontEndVNC", targets: ["FrontEndVNC"]),
    .library(name: "HostLoop", targets: ["HostLoop"]),
    .library(name: "DeviceControl", targets: ["DeviceControl"]),
    // What `tools/install` makes `libscanout.so` of: a static archive, since soname and visibility are the linker's.
    .library(name: "ScanoutC", type: .static, targets: ["ScanoutC"]),
    .executable(name: "scanout", targets: ["scanout"]),
    .executable(name: "scanout-vmm", targets: ["scanout-vmm"]),
    .executable(name: "scanout-bench", targets: ["scanout-bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-atomics", from: "1.3.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    // Floor 0
    .target(name: "CHost"),
    .target(name: "CKVM"),
    .target(name: "CScanout"),
    .systemLibrary(name: "CLibPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(
      name: "CLibVNCServer", pkgConfig: "libvncserver", providers: [.apt(["libvncserver-dev"])]),
    .target(name: "HostThreads", dependencies: ["CHost"], swiftSettings: house),
    // Floor 1
    .target(name: "FrontEndAPI", swiftSettings: house),
    .target(
      name: "GuestRAM",
      dependencies: ["CHost", "HostThreads", .product(name: "Atomics", package: "swift-atomics")],
      swiftSettings: house),
    // Floor 2
    .target(
      name: "HostLoop", dependencies: ["CHost", "FrontEndAPI", "HostThreads"], packageAccess: false,
      swiftSettings: house),
    .target(
      name: "DisplayModel", dependencies: ["FrontEndAPI", "GuestRAM", "HostThreads"], swiftSettings: house),
    .target(name: "PCIBus", dependencies: ["HostThreads"], swiftSettings: house),
    .target(name: "VirtioCore", dependencies: ["GuestRAM", "HostThreads"], swiftSettings: house),
    // Floor 3
    .target(name: "VirtioEntropy", dependencies: ["CHost", "GuestRAM", "VirtioCore"], swiftSettings: house),
    .target(
      name: "VirtioInput", dependencies: ["FrontEndAPI", "GuestRAM", "HostThreads", "VirtioCore"],
      swiftSettings: house),
    .target(
      name: "VirtioGPU",
      dependencies: ["DisplayModel", "FrontEndAPI", "GuestRAM", "HostThreads", "VirtioCore"],
      swiftSettings: house),
    .target(name: "VirtioPCILegacy", dependencies: ["PCIBus", "VirtioCore"], swiftSettings: house),
    .target(name: "VirtioPCIModern", dependencies: ["PCIBus", "VirtioCore"], swiftSettings: house),
    // Floor 4
    .target(name: "ControlSocket", dependencies: ["HostThreads"], swiftSettings: house),
    .target(
      name: "FrontEndPNG", dependencies: ["CLibPNG", "FrontEndAPI", "HostThreads"], packageAccess: false,
      swiftSettings: house),
    .target(
      name: "FrontEndVNC", dependencies: ["CLibVNCServer", "FrontEndAPI", "HostThreads"],
      packageAccess: false, swiftSettings: house),
    .target(
      name: "VfioUser",
      dependencies: [
        "CHost", "GuestRAM", "HostThreads", "PCIBus", .product(name: "Logging", package: "swift-log"),
      ],
      packageAccess: false, swiftSettings: house),
    .target(
      name: "VirtioPCI",
      dependencies: [
        "GuestRAM", "HostThreads", "PCIBus", "VirtioCore", "VirtioPCILegacy", "VirtioPCIModern",
      ],
      swiftSettings: house),
    // Floor 5
    .target(
      name: "ScanoutDevice",
      dependencies: [
        "DisplayModel", "FrontEndAPI", "GuestRAM", "HostThreads", "PCIBus", "VirtioCore", "VirtioEntropy",
        "VirtioGPU", "VirtioInput", "VirtioPCI",
      ],
      swiftSettings: house),
    // Floor 6
    .target(
      name: "DeviceControl",
      dependencies: [
        "ControlSocket", "DisplayModel", "FrontEndAPI", "FrontEndPNG", "FrontEndVNC", "ScanoutDevice",
        "VfioUser",
      ],
      swiftSettings: house),
    .target(
      name: "MachineModel", dependencies: ["CKVM", "ScanoutDevice"], packageAccess: false,
      swiftSettings: house),
    .target(
      name: "ScanoutC", dependencies: ["CScanout", "ScanoutDevice"], packageAccess: false,
      swiftSettings: house),
    .executableTarget(
      name: "scanout",
      dependencies: [
        "Conformance", "ControlSocket", "DeviceControl", "DeviceMachine", "DisplayModel", "FrontEndAPI",
        "FrontEndPNG",
        "FrontEndVNC", "GuestDriver", "GuestRAM", "HostLoop", "HostThreads", "PCIBus", "ScanoutDevice",
        "VfioUser",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: house),
    .executableTarget(
      name: "scanout-vmm",
      dependencies: [
        "CKVM", "DeviceControl", "FrontEndPNG", "FrontEndVNC", "HostLoop", "MachineModel", "ScanoutDevice",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      packageAccess: false, swiftSettings: house),

    // The driver simulator, which knows nothing of the device, and what stands on it
    .target(name: "CGuestDriver"),
    .target(name: "GuestDriver", dependencies: ["CGuestDriver"], swiftSettings: house),
    .target(name: "Conformance", dependencies: ["GuestDriver"], swiftSettings: house),
    .target(
      name: "DeviceMachine",
      dependencies: ["Conformance", "FrontEndAPI", "GuestDriver", "GuestRAM", "PCIBus"],
      swiftSettings: house),
    // A viewer that is not ours, to look at our servers with
    .target(name: "CBenchmark", linkerSettings: [.linkedLibrary("vncclient")]),
    .executableTarget(
      name: "scanout-bench",
      dependencies: [
        "CBenchmark", "DeviceMachine", "FrontEndAPI", "FrontEndVNC", "GuestDriver", "HostLoop", "HostThreads",
        "ScanoutDevice",
      ],
      swiftSettings: house),
    .executableTarget(
      name: "scanout-worlds",
      dependencies: ["GuestDriver", "GuestRAM", "HostThreads", "PCIBus", "VirtioCore", "VirtioPCI"],
      swiftSettings: house),

    // The client inside the test guest (tools/guest), which knows nothing of the device either
    .systemLibrary(name: "CLibDRM", pkgConfig: "libdrm", providers: [.apt(["libdrm-dev"])]),
    .systemLibrary(name: "CGuestSyscalls"),
    .target(name: "GuestScene", swiftSettings: house),
    .executableTarget(
      name: "GuestClient", dependencies: ["CGuestSyscalls", "CLibDRM", "GuestScene"], swiftSettings: house),

    // Tests, and what they share
    .target(name: "CHeldPages", path: "Tests/CHeldPages"),
    .target(name: "CSystemHeaders", path: "Tests/CSystemHeaders"),
    .target(name: "CVirtioGPUABI", path: "Tests/CVirtioGPUABI"),
    .systemLibrary(name: "CLinuxVfio", path: "Tests/CLinuxVfio"),
    .target(
      name: "FakeDisplays", dependencies: ["FrontEndAPI", "HostThreads"], path: "Tests/FakeDisplays",
      swiftSettings: house),
    .testTarget(
      name: "ConformanceTests",
      dependencies: [
        "Conformance", "DeviceMachine", "GuestDriver", "GuestRAM", "PCIBus", "ScanoutDevice", "VfioUser",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: house),
    .testTarget(
      name: "ControlSocketTests", dependencies: ["ControlSocket", "HostThreads"], swiftSettings: house),
    .testTarget(
      name: "DeviceTests",
      dependencies: [
        "DeviceMachine", "DisplayModel", "FrontEndAPI", "GuestDriver", "GuestRAM", "PCIBus", "ScanoutDevice",
        "VfioUser",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: house),
    .testTarget(
      name: "DisplayModelTests",
      dependencies: ["CHost", "DisplayModel", "FrontEndAPI", "GuestRAM", "HostThreads"],
      swiftSettings: house),
    // What the embedding page shows: a package of a reader's, which knows nothing of ours but products. So it sees public
    // symbols alone, and is built without the house's settings.
    .executableTarget(
      name: "first-picture", dependencies: ["FrontEndPNG", "ScanoutDevice"],
      path: "Tests/FirstPicture/Sources/first-picture", packageAccess: false),
    .testTarget(
      name: "EmbeddingTests",
      dependencies: [
        "CHeldPages", "DeviceMachine", "FrontEndPNG", "FrontEndVNC", "GuestDriver", "HostLoop", "HostThreads",
        "ScanoutDevice", "first-picture",
      ],
      swiftSettings: house),
    .testTarget(
      name: "FrontEndPNGTests", dependencies: ["FakeDisplays", "FrontEndAPI", "FrontEndPNG"],
      swiftSettings: house),
    .testTarget(
      name: "FrontEndVNCTests",
      dependencies: ["FrontEndAPI", "FrontEndVNC", "HostLoop", "HostThreads"], swiftSettings: house),
    .testTarget(
      name: "HostLoopTests", dependencies: ["FrontEndAPI", "HostLoop", "HostThreads"], swiftSettings: house),
    .testTarget(
      name: "GuestDriverTests", dependencies: ["CSystemHeaders", "GuestDriver"], swiftSettings: house),
    .testTarget(
      name: "GuestRAMTests", dependencies: ["CHost", "GuestRAM", "HostThreads"], swiftSettings: house),
    .testTarget(name: "GuestSceneTests", dependencies: ["GuestScene"], swiftSettings: house),
    .testTarget(name: "HostThreadsTests", dependencies: ["HostThreads"], swiftSettings: house),
    .testTarget(name: "PCIBusTests", dependencies: ["PCIBus"], swiftSettings: house),
    .testTarget(
      name: "ScanoutCTests", dependencies: ["CScanout", "ScanoutC", "ScanoutDevice"], swiftSettings: house),
    .testTarget(name: "QtestTests", dependencies: ["GuestDriver"], swiftSettings: house),
    .testTarget(
      name: "VMMTests", dependencies: ["DeviceControl", "MachineModel", "ScanoutDevice", "scanout-vmm"],
      swiftSettings: house),
    .testTarget(
      name: "VfioUserTests",
      dependencies: [
        "CHost", "CLinuxVfio", "GuestRAM", "HostThreads", "PCIBus", "VfioUser",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: house),
    .testTarget(
      name: "VirtioCoreTests", dependencies: ["GuestDriver", "GuestRAM", "HostThreads", "VirtioCore"],
      swiftSettings: house),
    .testTarget(
      name: "VirtioEntropyTests",
      dependencies: ["GuestDriver", "GuestRAM", "VirtioCore", "VirtioEntropy"], swiftSettings: house),
    .testTarget(
      name: "VirtioInputTests",
      dependencies: [
        "CSystemHeaders", "FrontEndAPI", "GuestDriver", "GuestRAM", "HostThreads", "VirtioCore",
        "VirtioInput",
      ],
      swiftSettings: house),
    .testTarget(
      name: "VirtioPCITests",
      dependencies: [
        "GuestRAM", "HostThreads", "PCIBus", "VirtioCore", "VirtioPCI", "VirtioPCILegacy", "VirtioPCIModern",
      ],
      swiftSettings: house),
    .testTarget(
      name: "scanoutTests",
      dependencies: [
        "ControlSocket", "DeviceControl", "FakeDisplays", "FrontEndAPI", "FrontEndPNG", "FrontEndVNC",
        "HostThreads", "scanout",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: house),
    .testTarget(
      name: "VirtioGPUTests",
      dependencies: [
        "CHost", "CVirtioGPUABI", "DisplayModel", "FrontEndAPI", "GuestRAM", "HostThreads", "VirtioCore",
        "VirtioGPU",
      ],
      swiftSettings: house),
  ],
  swiftLanguageModes: [.v6]
)
