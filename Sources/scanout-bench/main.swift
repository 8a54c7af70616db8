// Measures the hot path in a release build: allocations, and CPU time beside memcpy. Exit status 1 when a bound is
// missed; the bounds stand beside the measurements.
import Glibc

var report = Report()
try Allocations.run(&report)
try RandomNumbers.run(&report)
try Transfers.run(&report)
report.end()
