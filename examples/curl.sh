#!/bin/sh
# The API and the mock's control API with nothing but curl.
#
# Run:  LIGHTNING_BASE_URL=http://127.0.0.1:8787 sh examples/curl.sh     (start `lightning-mock` first)
set -eu

base=${LIGHTNING_BASE_URL:-http://127.0.0.1:8787}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# A caller without a token is known by its client id. A new one each time has an unused quota.
client="curl-example-$$-$(date +%s)"

say() { printf '\n== %s\n' "$*"; }
api() { curl --silent --show-error --header "X-Client-ID: $client" "$@"; }
control() { curl --silent --show-error --fail-with-body --header 'Content-Type: application/json' "$@"; }
# Ends the script when the status of a picture is not the expected one.
expect() {
    status=$(api --output "$folder/answer" --write-out '%{http_code}' "$base/gen/image/a%20quiet%20harbour")
    echo "GET /gen/image/... -> $status"
    [ "$status" = "$1" ] || { cat "$folder/answer"; exit 1; }
}

say "How much may I still do?"
api --fail "$base/usage"

say "A chat, streamed"
api --fail --no-buffer "$base/gen/chat/completions" --header 'Content-Type: application/json' \
    --data '{"messages": [{"role": "user", "content": "Name three rivers."}], "stream": true}'

say "A picture"
expect 200

say "The limit is reached, by the control API"
control --output /dev/null "$base/__mock__/identities/client%3A$client/exhaust" \
    --data '{"metric": "imagesDaily"}'
expect 429
cat "$folder/answer"

say "The mock says why"
control "$base/__mock__/journal?identity=client%3A$client&status=429"

say "A day later (the mock's clock stays there)"
control "$base/__mock__/clock" --data '{"advance": {"days": 1}}'
echo
expect 200

say "A user of the light plan, with an API key"
control "$base/__mock__/users" --data '{"plan": "light"}' > "$folder/user"
key=$(sed 's/.*"secret": *"\([^"]*\)".*/\1/' "$folder/user")
curl --silent --show-error --fail "$base/subscription" --header "Authorization: Bearer $key"
echo
