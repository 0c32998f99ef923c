#!/usr/bin/env bash
# Takes one task at a time, gives its JSON to a command, and hands in the JSON that the command prints.
#   MILLRACE_URL=http://127.0.0.1:8080 MILLRACE_API_KEY=… examples/worker.sh gpu:0 ./my-command
lane=$1; shift
say() { curl -sS --fail-with-body --retry 5 --retry-connrefused -H "Authorization: Bearer $MILLRACE_API_KEY" \
  -H 'Content-Type: application/json' --data-binary @- "$MILLRACE_URL/v1/queue/$1"; }
take="{\"queues\":[\"$lane\"],\"wait_seconds\":5,\"process_timeout\":60,\"lease_end\":\"retry\"}"
held='"task_id":"([^"]+)".*"lease_token":"([^"]+)"' # the first id and the last token are the task's own, whatever its data says
trap stopping=1 TERM INT
while [[ -z $stopping ]]; do
  taken=$(say take <<<"$take") || { printf '%s\n' "$taken" >&2; sleep 3; continue; }
  [[ $taken =~ $held ]] || continue
  task=${taken#*:[} task=${task%]*}
  id=${BASH_REMATCH[1]} token="\"lease_token\":\"${BASH_REMATCH[2]}\""
  (while sleep 20 2>/dev/null; do say "$id/heartbeat" <<<"{$token}" || break; done) >/dev/null & keeper=$!
  if answer=$("$@" <<<"$task"); then say "$id/complete" <<<"{$token,\"status_code\":200,\"body\":$answer}"
  else say "$id/fail" <<<"{$token,\"error\":{\"message\":\"the command ended with status $?\"}}"; fi >/dev/null
  { kill $keeper; wait $keeper; } 2>/dev/null || :
done
