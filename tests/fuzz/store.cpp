// SPDX-License-Identifier: MIT
// A log whose checksums hold and whose content is anything: it is opened or refused,
// and what was opened works.
//
// The input is a list of parts: kind, length, that many bytes. A part is the body of a record of that kind,
// or bytes that stand where a record should. Checksums are made here, for a fuzzer does not find them.
#include "store/store.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "sim/disk.hpp"

using namespace coord;

namespace {

constexpr std::size_t segment_bytes = 6144;  // small: each run reads and writes it a few times

Bytes body_again(store::RecordType type, ByteView body, bool& accepted) {
  accepted = true;
  if (type == store::RecordType::persist) {
    if (const auto read = store::decode_persist(body)) {
      raft::Persist persist;
      persist.entries = read->entries;
      persist.hard_state = read->hard_state;
      return store::encode_persist(persist, read->snapshot);
    }
  } else if (type == store::RecordType::snapshot) {
    if (const auto read = store::decode_snapshot_ref(body)) return store::encode_snapshot_ref(*read);
  } else if (const auto read = store::decode_tokens(body)) {
    return store::encode_tokens(*read);
  }
  accepted = false;
  return {};
}

// What is accepted has no other bytes; a founder named twice is not accepted, an
// order of them is not asked for.
void check_body(store::RecordType type, ByteView body) {
  bool accepted = false;
  const Bytes again = body_again(type, body, accepted);
  COORD_CHECK(!accepted || again.size() == body.size());
}

Bytes segment_of(ByteView input) {
  store::SegmentHeader header;
  header.identity.node = NodeId{1};
  header.size = segment_bytes;
  Bytes file = store::encode_segment_header(header);
  std::uint32_t chain = header.chain;
  ByteReader in(input);
  while (in.left() >= 2) {
    const std::uint8_t kind = in.get<std::uint8_t>();
    const std::size_t length = in.get<std::uint8_t>();
    const ByteView part = in.get(std::min(length, in.left()));
    const auto type = static_cast<store::RecordType>(kind % 8);
    if (file.size() + store::stored_size(part.size()) > segment_bytes) break;
    if (kind >= 128) {
      file.insert(file.end(), part.begin(), part.end());
      file.resize((file.size() + store::word_size - 1) / store::word_size * store::word_size);
      continue;
    }
    check_body(type, part);
    const std::uint64_t synced = kind >= 64 ? file.size() - store::segment_header_size : 0;
    chain = store::append_record(file, type, part, synced, chain);
  }
  file.resize(segment_bytes);
  return file;
}

void open_and_use(const Bytes& file) {
  sim::VirtualDisk disk(Random(1));
  COORD_CHECK(disk.create(store::segment_name(1)).value()->write(0, file).ok());
  store::Identity identity;
  identity.node = NodeId{1};
  store::Options options;
  options.first_segment_bytes = options.segment_bytes = segment_bytes;
  Result<store::Opened> opened = store::Store::open(disk, identity, options);
  if (!opened.ok()) return;
  raft::Persist persist;
  persist.entries = {{Term{1}, LogIndex{opened->store.last_index().value + 1}, raft::EntryKind::noop, {}}};
  const bool worked = opened->store.persist(persist).ok();
  COORD_CHECK(worked || opened->store.last_index().value >= UINT64_MAX - 2);
  COORD_CHECK(store::Store::open(disk, identity, options).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  open_and_use(segment_of(input));
  Bytes raw(data, data + size);
  raw.resize(std::max<std::size_t>(size, store::segment_header_size));
  COORD_CHECK(!store::decode_segment(raw) || raw.size() > store::segment_header_size);
  return 0;
}
