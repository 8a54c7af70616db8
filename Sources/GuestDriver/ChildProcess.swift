import CGuestDriver
import Glibc
import Synchronization

/// A program that this process started; it ends with this object, and with this process, at the latest.
///
/// It stays in this process's group, so that what interrupts the one at a terminal interrupts both. Several
/// threads may use one object.
package final class ChildProcess: Sendable {
  private enum Life {
    case running
    /// With what `guest_driver_end_child` said.
    case ended(Int32)
  }

  package let identifier: Int32
  /// All that the program has printed.
  private let output: OutputFile
  private let life = Mutex(Life.running)

  /// A shell that ends the program once nobody holds the other end of its input any more: this process has
  /// it, however it ends.
  private let guardian: Int32
  private let leash: Int32

  /// Starts a program, looked up in PATH, with some descriptors of this process under their own numbers.
  package init(_ command: [String], inheriting descriptors: [Int32]) throws {
    let output = try OutputFile(), (held, watched) = try StreamSocket.pair()
    let started = try Self.start(command, inheriting: descriptors, input: -1, output)
    do {
      guardian = try Self.start(
        ["/bin/sh", "-c", "read gone; kill -9 $0", "\(started)"], inheriting: [],
        input: watched.descriptor, output)
    } catch {
      _ = guest_driver_end_child(started, 0)
      throw error
    }
    identifier = started
    leash = held.release()
    self.output = output
  }

  private static func start(
    _ command: [String], inheriting descriptors: [Int32], input: Int32, _ output: OutputFile
  ) throws -> Int32 {
    guard let program = command.first else { throw DriverError.missing("a command") }
    // Copies that live until the end of this scope; the list ends with the null pointer that is asked for.
    var words = unsafe command.map { unsafe strdup($0) }
    defer { unsafe words.forEach { unsafe free($0) } }
    unsafe words.append(nil)
    // As many descriptors as the C side is told.
    let started = unsafe guest_driver_spawn(
      words, descriptors, Int32(descriptors.count), input, output.descriptor)
    guard started > 0 else { throw DriverError.host(call: "posix_spawn of \(program)", errno: -started) }
    return started
  }

  deinit {
    end(patienceInMilliseconds: 0)
    close(leash)
  }

  /// Gives the program some time to end by itself, then kills it; says how it ended.
  @discardableResult
  package func end(patienceInMilliseconds patience: Int) -> String {
    let status = life.withLock { life in
      if case .ended(let status) = life { return status }
      // The guardian first: until the program is waited for, its number is nobody else's.
      _ = guest_driver_end_child(guardian, 0)
      let status = guest_driver_end_child(identifier, Int32(patience))
      life = .ended(status)
      return status
    }
    return switch status {
    case ..<0: "it could not be waited for: errno \(-status)"
    case 256...: "it was ended by signal \(status - 256)"
    default: "it ended with status \(status)"
    }
  }

  /// The last that the program printed.
  package var lastWords: String { String(decoding: output.bytes(last: 4096), as: UTF8.self) }
}
