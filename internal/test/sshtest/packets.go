package sshtest

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

const (
	serverVersion = "SSH-2.0-Messages"

	kexInit   = 20
	newKeys   = 21
	ecdhInit  = 30
	ecdhReply = 31

	maxPacketSize = 1 << 18
)

var errMessage = errors.New("unexpected message")

func newHostKey() (ssh.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(key)
}

// A MessageConn is the server's side of an SSH connection, after its first key
// exchange. There is no other.
type MessageConn struct {
	KexInit []byte // the client's SSH_MSG_KEXINIT

	conn   net.Conn
	reader *bufio.Reader

	in, out direction
	writing sync.Mutex
}

// A direction is one direction of a connection (RFC 4253, section 6).
type direction struct {
	count uint32      // packets so far
	aead  cipher.AEAD // nil before the key exchange
	nonce []byte      // of the next packet
}

// newMessageConn exchanges versions and keys.
func newMessageConn(conn net.Conn, hostKey ssh.Signer) (*MessageConn, error) {
	c := &MessageConn{conn: conn, reader: bufio.NewReader(conn)}
	if _, err := io.WriteString(conn, serverVersion+"\r\n"); err != nil {
		return nil, err
	}
	clientVersion, err := c.reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	return c, c.exchangeKeys(strings.TrimRight(clientVersion, "\r\n"), hostKey)
}

// exchangeKeys does the key exchange of RFC 8731.
func (c *MessageConn) exchangeKeys(clientVersion string, hostKey ssh.Signer) error {
	ours := ssh.Marshal(struct {
		Cookie                                           [16]byte `sshtype:"20"`
		Kex, HostKey                                     []string
		CipherIn, CipherOut, MACIn, MACOut               []string
		CompressIn, CompressOut, LanguageIn, LanguageOut []string
		Follows                                          bool
		Reserved                                         uint32
	}{
		Kex: []string{"curve25519-sha256"}, HostKey: []string{ssh.KeyAlgoED25519},
		CipherIn: []string{ssh.CipherAES128GCM}, CipherOut: []string{ssh.CipherAES128GCM},
		MACIn: []string{ssh.HMACSHA256}, MACOut: []string{ssh.HMACSHA256},
		CompressIn: []string{"none"}, CompressOut: []string{"none"},
	})
	if err := c.writePacket(ours); err != nil {
		return err
	}
	theirs, err := c.expect(kexInit)
	if err != nil {
		return err
	}
	c.KexInit = theirs
	init, err := c.expect(ecdhInit)
	if err != nil {
		return err
	}
	var client struct {
		Key []byte `sshtype:"30"`
	}
	if err := ssh.Unmarshal(init, &client); err != nil {
		return err
	}
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	public, err := ecdh.X25519().NewPublicKey(client.Key)
	if err != nil {
		return err
	}
	shared, err := private.ECDH(public)
	if err != nil {
		return err
	}
	secret := ssh.Marshal(struct{ K *big.Int }{new(big.Int).SetBytes(shared)})
	exchange := ssh.Marshal(struct {
		ClientVersion, ServerVersion                string
		ClientInit, ServerInit, HostKey, Their, Our []byte
		Secret                                      []byte `ssh:"rest"`
	}{clientVersion, serverVersion, theirs, ours, hostKey.PublicKey().Marshal(), client.Key, private.PublicKey().Bytes(), secret})
	hash := sha256.Sum256(exchange)
	signature, err := hostKey.Sign(rand.Reader, hash[:])
	if err != nil {
		return err
	}
	err = c.Write(ecdhReply, struct{ HostKey, Key, Signature []byte }{
		hostKey.PublicKey().Marshal(), private.PublicKey().Bytes(), ssh.Marshal(signature),
	})
	if err != nil {
		return err
	}
	return c.useKeys(secret, hash[:])
}

// useKeys turns encryption on in both directions (RFC 4253, section 7).
func (c *MessageConn) useKeys(secret, hash []byte) error {
	derive := func(letter byte, size int) []byte {
		key := sha256.Sum256(bytes.Join([][]byte{secret, hash, {letter}, hash}, nil))
		return key[:size]
	}
	if err := c.writePacket([]byte{newKeys}); err != nil {
		return err
	}
	if err := c.out.encrypt(derive('D', 16), derive('B', 12)); err != nil {
		return err
	}
	if _, err := c.expect(newKeys); err != nil {
		return err
	}
	return c.in.encrypt(derive('C', 16), derive('A', 12))
}

func (d *direction) encrypt(key, nonce []byte) error {
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	d.nonce = nonce
	d.aead, err = cipher.NewGCM(block)
	return err
}

// next returns the nonce for a packet (RFC 5647, section 7.1).
func (d *direction) next() []byte {
	nonce := bytes.Clone(d.nonce)
	counter := d.nonce[4:]
	binary.BigEndian.PutUint64(counter, binary.BigEndian.Uint64(counter)+1)
	return nonce
}

func (c *MessageConn) expect(number byte) ([]byte, error) {
	m, err := c.Read()
	if err == nil && m[0] != number {
		err = errMessage
	}
	return m, err
}

// Read returns the next message.
func (c *MessageConn) Read() ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(c.reader, prefix[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(prefix[:]))
	if c.in.aead != nil {
		size += c.in.aead.Overhead()
	}
	if size < 2 || size > maxPacketSize {
		return nil, errMessage
	}
	packet := make([]byte, size)
	if _, err := io.ReadFull(c.reader, packet); err != nil {
		return nil, err
	}
	if c.in.aead != nil {
		var err error
		if packet, err = c.in.aead.Open(packet[:0], c.in.next(), packet, prefix[:]); err != nil {
			return nil, err
		}
	}
	c.in.count++
	padding := int(packet[0])
	if len(packet) < padding+2 {
		return nil, errMessage
	}
	return packet[1 : len(packet)-padding], nil
}

// Write sends a message: its number, and body as [ssh.Marshal] encodes it. A nil
// body is empty.
func (c *MessageConn) Write(number byte, body any) error {
	message := []byte{number}
	if body != nil {
		message = append(message, ssh.Marshal(body)...)
	}
	return c.writePacket(message)
}

func (c *MessageConn) writePacket(message []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	const block = 16
	unaligned := 1 + len(message)
	if c.out.aead == nil {
		unaligned += 4 // without a cipher, the length counts too
	}
	padding := 2*block - unaligned%block
	packet := append([]byte{byte(padding)}, message...)
	packet = append(packet, make([]byte, padding)...)
	prefix := binary.BigEndian.AppendUint32(nil, uint32(len(packet)))
	if c.out.aead != nil {
		packet = c.out.aead.Seal(nil, c.out.next(), packet, prefix)
	}
	c.out.count++
	_, err := c.conn.Write(append(prefix, packet...))
	return err
}
