package windows

import (
	"bytes"
	"encoding/binary"
)

// forwarder makes a library for Windows whose only export leads to one of another library. Programs of Go need ProcessPrng of
// bcryptprimitives.dll, which every Windows since 7 has and Wine 8 has not; what it does, RtlGenRandom (SystemFunction036) does too.
func forwarder(name, export, target string) []byte {
	const (
		address     = 0x1000 // where the one section is loaded
		alignment   = 0x200
		directory   = 52 // the export directory and its three tables of one entry
		headerBytes = 240
	)
	nameAt := address + directory
	exportAt := nameAt + len(name) + 1
	targetAt := exportAt + len(export) + 1
	size := targetAt + len(target) + 1 - address
	var section, file bytes.Buffer
	put := func(to *bytes.Buffer, values ...any) {
		for _, value := range values {
			_ = binary.Write(to, binary.LittleEndian, value) // a buffer takes everything
		}
	}
	put(&section, []uint32{0, 0, 0, uint32(nameAt), 1, 1, 1, address + 40, address + 44, address + 48, uint32(targetAt), uint32(exportAt), 0}) //nolint:gosec // all of it fits into a page
	section.WriteString(name + "\x00" + export + "\x00" + target + "\x00")

	dos := make([]byte, 64)
	copy(dos, "MZ")
	dos[60] = 64
	file.Write(dos)
	file.WriteString("PE\x00\x00")
	put(&file, []uint16{0x8664, 1}, []uint32{0, 0, 0}, []uint16{headerBytes, 0x2022})
	put(&file, uint16(0x20b), uint16(14), []uint32{0, alignment, 0, 0, 0}, uint64(0x180000000), []uint32{0x1000, alignment}, []uint16{6, 0, 0, 0, 6, 0},
		[]uint32{0, 2 * address, alignment, 0}, []uint16{2, 0x160}, []uint64{1 << 20, 1 << 12, 1 << 20, 1 << 12}, []uint32{0, 16, address, uint32(size)}, make([]byte, 15*8)) //nolint:gosec // all of it fits into a page
	file.WriteString(".rdata\x00\x00")
	put(&file, []uint32{uint32(size), address, alignment, alignment, 0, 0, 0, 0x40000040}) //nolint:gosec // all of it fits into a page
	contents := append(file.Bytes(), make([]byte, alignment-file.Len())...)
	contents = append(contents, section.Bytes()...)
	return append(contents, make([]byte, alignment-section.Len())...)
}
