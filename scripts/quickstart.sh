# Sourced by the launcher; needs bootstrap.sh. A tour of a running engine, each step with what it does and how long it took.

port=8080

quickstart() {
  [ "$(id -u)" = 0 ] || { say 'quickstart needs root: it installs packages and runs containers'; return 1; }
  # shellcheck disable=SC2046 # a list of names
  step "packages: $(engine_packages) busybox-static curl" ensure_packages $(engine_packages) busybox-static curl
  if is_answering; then say 'an engine is running already'; else step 'start the engine' start_engine; fi
  trap clean_up EXIT INT TERM
  clean_up
  if ! "$root/berth" image inspect busybox >/dev/null 2>&1; then
    step 'make a busybox image from this machine'\''s own package' run_berth image make busybox
  fi
  port=$(free_port)
  step "run a web server in a container, port $port" run_berth run -d --name quickstart -p "$port:80" busybox \
    sh -c 'mkdir /www && echo "Hello from a container." >/www/index.html && echo "serving" && httpd -f -h /www'
  step 'fetch its page' fetch
  step 'list containers' run_berth ps
  step 'show its output' run_berth logs quickstart
  step 'run a second process in it' run_berth exec quickstart ps
  step 'remove it' run_berth rm -f quickstart
  trap - EXIT INT TERM
  cat <<EOS

It works. What to type next:
  ./berth run -it --rm busybox sh            a shell in a container
  ./berth image make debian                  a Debian image from this machine's package sources
  ./berth run --help                         everything a container can be given
  docker -H unix://$socket ps    the stock docker command line works as well
The engine goes on in the background. To end it, with all containers: ./berth system stop --containers
EOS
}

# step TEXT COMMAND...: says it, runs it, says how long it took
step() {
  text=$1
  shift
  printf '\n==> %s\n' "$text"
  started=$(now)
  "$@"
  printf '    (%s ms)\n' "$(($(now) - started))"
}

now() { date +%s%3N; }

run_berth() {
  printf '    $ berth %s\n' "$*" | cut -c1-120
  BERTH_HOST=unix://$socket "$NODE" "$root/dist/cli/main.js" "$@"
}

fetch() {
  printf '    $ curl http://127.0.0.1:%s/\n' "$port"
  curl -sS --retry 20 --retry-delay 0 --retry-all-errors --retry-max-time 10 "http://127.0.0.1:$port/" 2>/dev/null
}

clean_up() { BERTH_HOST=unix://$socket "$NODE" "$root/dist/cli/main.js" rm -f quickstart >/dev/null 2>&1 || :; }

free_port() {
  "$NODE" -e 'const s = require("net").createServer();
    s.on("error", () => s.listen(0)).on("listening", () => { console.log(s.address().port); s.close(); }).listen(8080);'
}
