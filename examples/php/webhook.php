<?php
// Receive webhooks: WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:8000 webhook.php   PHP 8, no packages.
declare(strict_types=1);

const MOST_OFF_S = 300;

/** Whether wasender has sent it. $body: the bytes as they came. */
function genuine(string $id, string $at, string $signatures, string $body): bool
{
    if (!ctype_digit($at) || abs(time() - (int) $at) > MOST_OFF_S) {
        return false;
    }
    $secret = base64_decode(preg_replace('/^whsec_/', '', (string) getenv('WEBHOOK_SECRET')));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$body", $secret, true));
    foreach (explode(' ', $signatures) as $given) { // one for each secret that is valid
        if (hash_equals($expected, $given)) {
            return true;
        }
    }
    return false;
}

$body = file_get_contents('php://input');
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
if (!genuine($id, $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '', $body)) {
    http_response_code(401);
    return;
}
$event = json_decode($body, true);
// It may come again: a real receiver keeps $id in its database for some days, and does nothing for one that is there.
error_log($event['type'] . ' ' . json_encode($event['data'] ?? null));
http_response_code(204);
