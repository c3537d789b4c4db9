// Package knownhosts decides whether to trust the host key of an SSH server.
//
// It reads known_hosts files, applies the policy that StrictHostKeyChecking
// names in ssh_config(5), and asks the user if the policy requires it. It decides
// as ssh(1) does with the same files, and its questions and warnings are those of
// ssh. The formats are defined in
//
//   - sshd(8), section SSH_KNOWN_HOSTS FILE FORMAT: known_hosts files
//   - PROTOCOL.certkeys in the sources of OpenSSH: host certificates
//   - PROTOCOL.krl in the sources of OpenSSH: key revocation lists
//
// # Use
//
// A [Verifier] is used twice for each connection. [Verifier.Algorithms] returns
// the host key algorithms to offer, so that a host with several keys presents
// one that is known. [Verifier.Verify] checks the key that the host presents.
// They supply HostKeyAlgorithms and HostKeyCallback of ClientConfig in
// golang.org/x/crypto/ssh. Both read the files again at each call.
//
// # Order of the checks
//
// Verify takes these steps until one decides:
//
//  1. A key in one of RevokedFiles is refused under every policy. So is every
//     key if one of these files cannot be read.
//  2. A key in a matching @revoked line is revoked.
//  3. A certificate is trusted if a matching @cert-authority line has the key
//     that signed it and the certificate is valid for the host. If only the
//     first holds, the plain key that it certifies is checked instead.
//  4. A plain key is trusted if a matching line has the same key. It has
//     changed if matching lines have only other keys, whatever their types.
//  5. If the port is not 22 and there is no alias, steps 2 to 4 and 6 are
//     repeated for the name without the port. Only a trusted or revoked key
//     decides here.
//  6. If the key is a certificate, steps 2 to 5 are repeated for the plain key
//     that it certifies.
//  7. The key is unknown. The policy decides whether to refuse it, to ask the
//     user, or to add it to the first of UserFiles and trust it.
//
// A revoked certificate is one whose key or whose signer is revoked, or whose
// serial number or key ID is in a key revocation list.
//
// A host is looked up by its alias if it has one, otherwise as host if the port
// is 22, and as [host]:port if not. Lines printed by KnownHostsCommand count
// like those of one more file, except in step 5, where they must match the name
// with the port as well.
//
// # Differences from ssh
//
//   - A key that is revoked for the name without the port is revoked for every
//     port. For other ports, ssh prints a warning and applies the policy.
//   - A malformed line is skipped with a warning. ssh skips it silently.
//   - Certificate algorithms are offered only if a matching @cert-authority line
//     exists. ssh always offers them.
//   - If the file does not end in a newline, one is added before a new key. A
//     key is not added if its host name would be read back as a pattern, a
//     marker or a comment.
//   - A KnownHostsCommand that cannot be started is an error. ssh continues
//     without it.
//
// # Not supported
//
// The package does not query the DNS for keys (VerifyHostKeyDNS), look up the
// address of a host beside its name (CheckHostIP) or add further keys that the
// host offers (UpdateHostKeys).
package knownhosts
