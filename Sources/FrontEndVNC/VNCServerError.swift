public import FrontEndAPI
import Glibc

/// Why there is no VNC server.
public enum VNCServerError: Error, Equatable, CustomStringConvertible {
  /// The host is no numeric address and not `localhost`.
  case badHost(String)
  /// The path does not fit a Unix socket's address.
  case badPath(String)
  /// Others could connect from elsewhere and there is no password.
  case unprotected(VNCAddress)
  /// A living server has the address.
  case inUse(VNCAddress)
  /// Something that is no socket stands at the path.
  case notASocket(path: String)
  /// The system refused a call.
  case system(call: String, address: VNCAddress, errno: CInt)
  /// The host's core interface is not the one that this was built for.
  case unsuitableHost(InterfaceMismatch)
  /// libvncserver gave no screen: there is no memory.
  case outOfMemory

  /// The cause and what to do.
  public var description: String {
    switch self {
    case .badHost(let host):
      "`\(host)` is no address of this host: give it in numbers, such as 127.0.0.1 or [::1], or as localhost"
    case .badPath(let path):
      "`\(path)` is no path for a Unix socket: it must have 1 to \(ServerSocket.maximumPathBytes) bytes"
    case .unprotected(let address):
      "\(address) can be reached from other hosts: set a password, ask for no protection, or choose 127.0.0.1"
    case .inUse(let address): "\(address) is in use: end the other server or choose another address"
    case .notASocket(let path): "\(path) exists and is no socket: choose another path"
    case .system(let call, let address, let errno):
      "no VNC server at \(address): \(call): \(unsafe String(cString: strerror(errno)))"
    case .unsuitableHost(let mismatch): "no VNC server: \(mismatch)"
    case .outOfMemory: "no VNC server: out of memory"
    }
  }
}
