/// All cases there are.
///
/// Each file below `Cases` gives a list of its own; to add a file, add its list here.
package enum ConformanceSuite {
  /// In the order in which they run.
  package static let cases: [ConformanceCase] = [
    pciIdentity, pciStructures, pciDoorbells, pciExtras,
    statusField, featureBits,
    commonRegisters, queueRegisters,
    ringFraming, ringTraffic, ringInterrupts, splitQueues, packedQueues, brokenRings,
    indirectTables, eventIndices,
    deviceReset, queueReset, suspension,
    vectorMapping, messages, pinInterrupts,
    legacyInterface, legacyConfiguration,
    gpuBasics, gpuDisplays, gpuResources, gpuScanouts, gpuPictures, gpuBlobs, gpuCursors, gpuOpen,
    entropyRequests,
  ].flatMap { $0 }

  /// The cases of these groups and of these names; of all when both are empty.
  package static func cases(groups: [ConformanceGroup], names: [String]) -> [ConformanceCase] {
    guard !groups.isEmpty || !names.isEmpty else { return cases }
    return cases.filter { groups.contains($0.group) || names.contains($0.name) }
  }
}
