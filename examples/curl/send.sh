#!/usr/bin/env bash
# Send a message and wait for the outcome: send.sh MESSAGE NUMBER…   Needs curl and python3 (to read and write JSON).
set -euo pipefail
: "${WASENDER_URL:=http://localhost:8080}" "${WASENDER_KEY:?the key of the API}"
call() { curl -sS --fail-with-body -H "X-API-KEY: $WASENDER_KEY" "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

order=$(python3 -c 'import json, sys; print(json.dumps({"message": sys.argv[1], "numbers": sys.argv[2:]}))' "$@")
# The same key in a repeat, such as after a broken connection: nobody gets the message twice.
key="example-$(date +%s)-$$"
answer=$(call --retry 3 --retry-connrefused -H "Content-Type: application/json" -H "Idempotency-Key: $key" -d "$order" \
  "$WASENDER_URL/send") || { echo "$answer" >&2; exit 1; }
job=$(field job_id <<<"$answer")
echo "job $job" >&2

headers=$(mktemp) && trap 'rm -f "$headers"' EXIT
tag=''
while true; do
  # Answered when the job differs from what the tag names, or with 304 and an empty body after 30 seconds.
  answer=$(call -D "$headers" ${tag:+-H "If-None-Match: $tag"} "$WASENDER_URL/jobs/$job${tag:+?wait=30}")
  tag=$(sed -n 's/^etag: //Ip' "$headers" | tr -d '\r')
  [ -n "$answer" ] || continue
  status=$(field status <<<"$answer")
  echo "$status" >&2
  case $status in completed | stopped) break ;; esac
done
call "$WASENDER_URL/jobs/$job/report.csv"
[ "$status" = completed ] && [ "$(field failed <<<"$answer")" = 0 ] && [ "$(field uncertain <<<"$answer")" = 0 ]
