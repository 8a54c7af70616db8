// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "first-picture",
  dependencies: [.package(path: "../scanout")],
  targets: [
    .executableTarget(
      name: "first-picture",
      dependencies: [
        .product(name: "ScanoutDevice", package: "scanout"),
        .product(name: "FrontEndPNG", package: "scanout"),
      ])
  ],
  swiftLanguageModes: [.v6]
)
