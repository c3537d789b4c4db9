# Does tasks with Perl's Net::FTP; see script in libraries.go.
use strict;
use warnings;
use Net::FTP;

my ($mode, $host, $port, $user, $password, $directory, $patience) = @ARGV;
$| = 1;

sub connected {
    my $ftp = Net::FTP->new($host, Port => $port, Timeout => $patience, Passive => $mode eq 'passive') or die "connect: $@\n";
    $ftp->login($user, $password) or die 'login: ' . $ftp->message;
    $ftp->binary;
    $ftp->cwd($directory) or die 'cwd: ' . $ftp->message;
    return $ftp;
}

sub do_task {
    my ($ftp, $verb, $remote, $local, $offset) = @_;
    my $done;
    if ($verb eq 'list') {
        my @lines = $ftp->dir or die 'dir: ' . $ftp->message;
        open my $file, '>', $local or die "$local: $!\n";
        print $file "$_\n" for @lines;
        close $file;
        $done = $ftp->ok;
    } elsif ($verb eq 'get') {
        $done = $ftp->get($remote, $local);
    } elsif ($verb eq 'reget') {
        $done = $ftp->get($remote, $local, $offset);
    } elsif ($verb eq 'put') {
        $done = $ftp->put($local, $remote);
    } else {
        open my $file, '<', $local or die "$local: $!\n";
        binmode $file;
        seek $file, $offset, 0;
        $done = $ftp->append($file, $remote);
    }
    die $ftp->message || "$!\n" unless $done and $ftp->ok;
}

my $ftp;
while (my $line = <STDIN>) {
    chomp $line;
    my ($operation, @task) = split /\t/, $line;
    eval {
        $ftp ||= connected();
        do_task($ftp, @task);
    };
    my $said = 'ok';
    if ($@) {
        ($said = "failed: $@") =~ s/\s+/ /g;
        $ftp->close if $ftp;
        undef $ftp;
    }
    print "$operation\t$said\n";
}
$ftp->quit if $ftp;
