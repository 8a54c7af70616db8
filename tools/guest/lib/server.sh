# Starts a `scanout serve` for the scripts beside this folder, and ends it with them. To be sourced.
#   start_server [OPTION]...          a GPU; sets folder, gpu and control (sockets) and server (process id)
#   start_input_server [OPTION]...    a GPU, a keyboard, a tablet and a mouse; sets gpu, keyboard, tablet, mouse and
#                                     control (sockets), folder and server
#   start_vnc_server [OPTION]...      the same, and an address for VNC viewers: sets vnc (socket), too
#   start_entropy_server [OPTION]...  an entropy device; sets folder, rng (socket) and server
package=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
export SCANOUT=${SCANOUT:-$package/.build/release/scanout}
export SWIFT_BACKTRACE=enable=no

start_server() {
  folder=$(mktemp -d)
  gpu=$folder/gpu control=$folder/control
  serve --vfio-user "$gpu" --control "$control" "$@"
}

start_input_server() {
  folder=$(mktemp -d)
  serve_inputs "$@"
}

start_vnc_server() {
  folder=$(mktemp -d)
  vnc=$folder/vnc
  serve_inputs --vnc "unix:$vnc" "$@"
}

serve_inputs() {
  gpu=$folder/gpu keyboard=$folder/keyboard tablet=$folder/tablet mouse=$folder/mouse control=$folder/control
  serve --vfio-user "gpu=$gpu" --vfio-user "keyboard=$keyboard" --vfio-user "tablet=$tablet" \
    --vfio-user "mouse=$mouse" --control "$control" "$@"
}

start_entropy_server() {
  folder=$(mktemp -d)
  rng=$folder/rng
  serve --vfio-user "$rng" --device entropy "$@"
}

serve() {
  [ -x "$SCANOUT" ] || {
    echo "guest: $SCANOUT is not there: swift build -c release --product scanout, or give its path in SCANOUT" >&2
    exit 2
  }
  : >"$folder/out"
  "$SCANOUT" serve "$@" >"$folder/out" 2>"$folder/log" &
  server=$!
  trap end_server EXIT
  for _ in $(seq 600); do
    ! grep -qs '^listening on ' "$folder/out" || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "guest: scanout serve did not start:" >&2
  cat "$folder/log" >&2
  exit 2
}

end_server() {
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  rm -rf "$folder"
}
