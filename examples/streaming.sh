#!/usr/bin/env bash
# Puts a task and prints what it says as it says it; goes on after the last event when the connection is cut.
#   MILLRACE_URL=http://127.0.0.1:8080 MILLRACE_API_KEY=… examples/streaming.sh gpu /v1/chat/completions '{"model":"m","messages":[]}'
url=$MILLRACE_URL/v1/queue last='' failed=''
stream() { curl -sSN --fail-with-body -H "Authorization: Bearer $MILLRACE_API_KEY" "$@"; }
follow() {
  local has_id='' line # as all that the task says has; an error without one is its end
  while IFS= read -r line || [[ -n $line ]]; do
    case $line in
      id:*) last=${line#id:} has_id=1 ;;
      event:error) if [[ -z $has_id ]]; then failed=1; fi ;;
      data:*) printf '%s\n' "${line#data:}" ;;
      '') has_id='' ;;
      '{'*) printf '%s\n' "$line" >&2 ;; # no stream, but why there is none
    esac
  done
}
headers=$(mktemp); trap 'rm -f "$headers"' EXIT
# The Idempotency-Key tells the server that we may come back, so that it does not cancel the task of who was cut off.
follow < <(stream -D "$headers" -H 'Content-Type: application/json' -H "Idempotency-Key: $$-$RANDOM-$(date +%s%N)" \
  --data-binary "{\"queue\":\"$1\",\"endpoint\":\"$2\",\"data\":$3,\"response_mode\":\"streaming\"}" "$url/put")
until wait $!; do
  id=$(sed -n 's/^x-millrace-task-id: *\([^ \r]*\).*/\1/ip' "$headers")
  if [[ -z $id ]]; then exit 1; fi
  sleep 1
  follow < <(stream --retry 10 --retry-connrefused -H "Last-Event-ID: $last" "$url/$id/events")
done
[[ -z $failed ]]
