<?php
// Does tasks with PHP's ftp extension; see script in libraries.go.

set_error_handler(fn($level, $message) => throw new ErrorException($message));

function check($done)
{
    return $done !== false ? $done : throw new ErrorException('false, without a warning');
}

function connect()
{
    global $argv;
    [, $mode, $host, $port, $user, $password, $directory, $patience] = $argv;
    $ftp = check(ftp_connect($host, (int)$port, (int)$patience));
    check(ftp_login($ftp, $user, $password));
    check(ftp_pasv($ftp, $mode === 'passive'));
    check(ftp_chdir($ftp, $directory));
    return $ftp;
}

function perform($ftp, $verb, $remote, $local, $offset)
{
    match ($verb) {
        'list' => file_put_contents($local, implode("\n", check(ftp_rawlist($ftp, '.')))),
        'get', 'reget' => check(ftp_get($ftp, $local, $remote, FTP_BINARY, (int)$offset)),
        'put', 'reput' => check(ftp_put($ftp, $remote, $local, FTP_BINARY, (int)$offset)),
    };
}

$ftp = null;
while (($line = fgets(STDIN)) !== false) {
    $task = explode("\t", rtrim($line, "\n"));
    $operation = array_shift($task);
    $said = 'ok';
    try {
        $ftp ??= connect();
        perform($ftp, ...$task);
    } catch (Throwable $e) {
        $said = 'failed: ' . preg_replace('/\s+/', ' ', $e->getMessage());
        $ftp = null;
    }
    echo "$operation\t$said\n";
}
if ($ftp) {
    ftp_close($ftp);
}
