<?php
// Send a message and wait for the outcome: php send.php MESSAGE NUMBER…   PHP 8, no packages.
declare(strict_types=1);

$url = getenv('WASENDER_URL') ?: 'http://localhost:8080';
$key = getenv('WASENDER_KEY');

/** The answer's JSON (null for 304), and its ETag; an error says what to do. */
function call(string $method, string $path, ?array $body = null, array $headers = []): array
{
    global $url, $key;
    $context = stream_context_create(['http' => [
        'method' => $method,
        'header' => array_merge(["X-API-KEY: $key", 'Content-Type: application/json'], $headers),
        'content' => $body === null ? '' : json_encode($body),
        'ignore_errors' => true,
        'timeout' => 90,
    ]]);
    $answer = @file_get_contents($url . $path, false, $context);
    if ($answer === false) {
        throw new RuntimeException("$url does not answer");
    }
    $status = (int) explode(' ', $http_response_header[0])[1];
    $tag = '';
    foreach ($http_response_header as $line) {
        if (stripos($line, 'etag: ') === 0) {
            $tag = substr($line, 6);
        }
    }
    if ($status === 304) {
        return [null, $tag];
    }
    $told = json_decode($answer, true);
    if ($status >= 400) {
        fwrite(STDERR, "{$told['code']}: {$told['detail']}\n");
        exit(1);
    }
    return [$told, $tag];
}

$message = $argv[1];
$numbers = array_slice($argv, 2);
// A repeat with the same key after a broken connection sends nothing again.
$once = ['Idempotency-Key: ' . bin2hex(random_bytes(16))];
for ($tried = 1; ; $tried++) {
    try {
        [$queued] = call('POST', '/send', ['message' => $message, 'numbers' => $numbers], $once);
        break;
    } catch (RuntimeException $error) {
        if ($tried === 3) {
            fwrite(STDERR, $error->getMessage() . "\n");
            exit(1);
        }
    }
}
$tag = '';
do { // each request is answered when something has changed, or after 30 seconds
    $path = "/jobs/{$queued['job_id']}" . ($tag === '' ? '' : '?wait=30');
    [$job, $tag] = call('GET', $path, null, $tag === '' ? [] : ["If-None-Match: $tag"]);
} while ($job === null || !in_array($job['status'], ['completed', 'stopped'], true));
echo json_encode($job), "\n";
exit($job['status'] !== 'completed' || $job['failed'] + $job['uncertain'] > 0 ? 1 : 0);
