// Package knownhosts decides whether to trust a host key, from known_hosts
// files (the section SSH_KNOWN_HOSTS FILE FORMAT of sshd(8)), a policy
// (StrictHostKeyChecking in ssh_config(5)) and the user's answer.
//
// It gives the verdict that ssh(1) gives on the same files, and tells it in the
// same words. A [Verifier] is used twice for each connection:
// [Verifier.Algorithms] says which host key algorithms to ask for, so that a
// host presents a key that is known, and [Verifier.Verify] judges the key. Both
// read the files afresh.
//
// A host is looked up by its alias as it stands, otherwise as host on port 22
// and as [host]:port on any other. If nothing is known of the latter, a key
// that is known for the bare host will do. A name with a key on file that then
// presents another one has changed, whatever the types of the two keys. A
// certificate is accepted if an @cert-authority line for the host names its
// signer and it is valid for the host; if not, its key is judged like any
// other.
//
// The departures from ssh are few. A key that is revoked for the bare host is
// revoked on every port, where ssh warns but then lets the policy decide. A line
// that cannot be read is skipped with a warning, where ssh is silent.
// Certificates are not asked for where no @cert-authority line could accept
// them. A line is added on a line of its own even if the last one lacks its end,
// and not at all if its name would mean something else in the file.
//
// A key on a file of RevokedHostKeys is refused under every policy, and so is
// every key if such a file cannot be read. What KnownHostsCommand prints counts
// like one more file, except, as with ssh, for the bare name of a host on
// another port than 22. Where ssh goes on without a command that cannot be
// started, that is an error here, as is one that fails.
//
// The package does not ask the DNS for keys (VerifyHostKeyDNS), look up
// addresses beside names (CheckHostIP) or learn further keys from the host
// (UpdateHostKeys).
package knownhosts
