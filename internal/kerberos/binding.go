package kerberos

import (
	"crypto/md5" //nolint:gosec // GSS-API says so; the binding itself is hashed with better.
	"encoding/binary"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
)

// boundToken makes a token from a ticket. The library makes one too, but leaves no place for a channel binding.
func boundToken(asking *client.Client, service ticket, binding []byte) ([]byte, error) {
	flags := []int{gssapi.ContextFlagInteg, gssapi.ContextFlagConf}
	inner, err := spnego.NewKRB5TokenAPREQ(asking, service.ticket, service.key, flags, nil)
	if err != nil {
		return nil, err
	}
	authenticator, err := types.NewAuthenticator(asking.Credentials.Domain(), asking.Credentials.CName())
	if err != nil {
		return nil, err
	}
	authenticator.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: checksum(flags, binding)}
	if inner.APReq, err = messages.NewAPReq(service.ticket, service.key, authenticator); err != nil {
		return nil, err
	}
	mechanism, err := inner.Marshal()
	if err != nil {
		return nil, err
	}
	return (&spnego.SPNEGOToken{Init: true, NegTokenInit: spnego.NegTokenInit{
		MechTypes: []asn1.ObjectIdentifier{gssapi.OIDKRB5.OID()}, MechTokenBytes: mechanism,
	}}).Marshal()
}

// checksum is that of an authenticator (RFC 4121, 4.1.1): the length of a hash, the hash of the channel binding or zeros, and flags.
func checksum(flags []int, binding []byte) []byte {
	const hashLength = md5.Size
	sum := binary.LittleEndian.AppendUint32(nil, hashLength)
	if binding == nil {
		sum = append(sum, make([]byte, hashLength)...)
	} else {
		// Neither side's address, each a type and a length, and then what names the connection (RFC 2744, 3.11).
		structure := make([]byte, 16, 20+len(binding))
		structure = binary.LittleEndian.AppendUint32(structure, uint32(len(binding))) //nolint:gosec // A few dozen bytes.
		hash := md5.Sum(append(structure, binding...))                                //nolint:gosec // As above.
		sum = append(sum, hash[:]...)
	}
	var all uint32
	for _, flag := range flags {
		all |= uint32(flag) //nolint:gosec // Flags of one bit each.
	}
	return binary.LittleEndian.AppendUint32(sum, all)
}
