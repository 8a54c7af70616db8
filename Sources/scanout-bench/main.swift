// Measures the hot path in a release build: allocations, and CPU time beside memcpy. Exit status 1 when a bound is
// missed; the bounds stand beside the measurements.
import Glibc

// `scanout-bench viewers` measures what viewers cost the guest instead, which takes minutes; it runs itself with
// `viewer` as their programs.
if CommandLine.arguments.count == 5, CommandLine.arguments[1] == "viewer" {
  Viewers.look(Array(CommandLine.arguments.dropFirst(2)))
}
var report = Report()
if CommandLine.arguments.dropFirst() == ["viewers"] {
  try Viewers.run(&report)
  report.end()
}
try Allocations.run(&report)
try RandomNumbers.run(&report)
try Transfers.run(&report)
try Inspections.run(&report)
report.end()
