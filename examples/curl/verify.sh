#!/usr/bin/env bash
# Check a webhook, whose body is the input: verify.sh ID TIMESTAMP SIGNATURE <body   (the three headers webhook-…)
# Ends with 0 if it is from wasender. Needs openssl.
set -euo pipefail
: "${WEBHOOK_SECRET:?the secret of the webhook, whsec_…}"
id=$1 timestamp=$2 signatures=$3
body=$(mktemp) && trap 'rm -f "$body"' EXIT
cat >"$body"

age=$(($(date +%s) - timestamp))
[ "${age#-}" -le 300 ] || { echo "too old, or from the future" >&2; exit 1; }
secret=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
expected=$({ printf '%s.%s.' "$id" "$timestamp"; cat "$body"; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$secret" -binary | openssl base64 -A)
for signature in $signatures; do # one for each secret that is valid
  [ "$signature" = "v1,$expected" ] && exit 0
done
echo "not from wasender" >&2
exit 1
