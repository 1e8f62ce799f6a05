// SPDX-License-Identifier: MIT
#include "store/body.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace coord::store {
namespace {

enum PersistPart : std::uint8_t { has_snapshot = 1, has_entries = 2, has_hard_state = 4, all_parts = 7 };

constexpr std::size_t entry_head = 8 + 1 + 4;  // term, kind, length of the data; from version 2 on a level

template <std::size_t size>
void get_array(ByteReader& in, std::array<std::uint8_t, size>& out) {
  const ByteView raw = in.get(size);
  std::copy(raw.begin(), raw.end(), out.begin());
}

void put_hard_state(ByteWriter& out, const raft::HardState& state) {
  COORD_CHECK(state.founders.size() <= founders_limit);
  out.put(state.term.value);
  out.put(state.vote.value);
  out.put(state.recovering_until.value);
  out.put(static_cast<std::uint32_t>(state.founders.size()));
  for (const auto& [node, incarnation] : state.founders) {
    out.put(node.value);
    out.put(ByteView(incarnation));
  }
}

std::optional<raft::HardState> get_hard_state(ByteReader& in) {
  raft::HardState state;
  state.term = Term{in.get<std::uint64_t>()};
  state.vote = NodeId{in.get<std::uint64_t>()};
  state.recovering_until = Term{in.get<std::uint64_t>()};
  const std::uint32_t count = in.get<std::uint32_t>();
  if (in.failed() || count > founders_limit) return std::nullopt;
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    const NodeId node{in.get<std::uint64_t>()};
    get_array(in, state.founders[node]);
  }
  if (in.failed() || state.founders.size() != count) return std::nullopt;
  return state;
}

void put_entries(ByteWriter& out, const std::vector<raft::Entry>& entries, Level version) {
  out.put(entries.front().index.value);
  out.put(static_cast<std::uint32_t>(entries.size()));
  for (const raft::Entry& entry : entries) {
    out.put(entry.term.value);
    out.put(static_cast<std::uint8_t>(entry.kind));
    if (version >= 2) out.put(std::uint32_t{entry.level});
    out.put(static_cast<std::uint32_t>(entry.data.size()));
    out.put(ByteView(entry.data));
  }
}

std::optional<std::vector<raft::Entry>> get_entries(ByteReader& in, Level version) {
  const std::uint64_t first = in.get<std::uint64_t>();
  const std::uint32_t count = in.get<std::uint32_t>();
  if (in.failed() || first == 0 || count == 0 || count > in.left() / entry_head) return std::nullopt;
  if (first > UINT64_MAX - count) return std::nullopt;
  std::vector<raft::Entry> entries;
  entries.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Term term{in.get<std::uint64_t>()};
    const std::uint8_t kind = in.get<std::uint8_t>();
    const Level level = version >= 2 ? in.get<std::uint32_t>() : first_level;
    const ByteView data = in.get(in.get<std::uint32_t>());
    if (in.failed() || kind > static_cast<std::uint8_t>(raft::EntryKind::raise)) return std::nullopt;
    if (level < first_level || level > version) return std::nullopt;
    entries.push_back(
        {term, LogIndex{first + i}, static_cast<raft::EntryKind>(kind), {data.begin(), data.end()}, level});
  }
  return entries;
}

// Nothing may follow: bytes that this version does not know are not skipped, for they may matter.
bool is_at_end(const ByteReader& in) {
  return !in.failed() && in.left() == 0;
}

}  // namespace

void put_identity(ByteWriter& out, const Identity& identity) {
  out.put(identity.node.value);
  out.put(ByteView(identity.incarnation));
  out.put(ByteView(identity.group));
}

std::optional<Identity> get_identity(ByteReader& in) {
  Identity identity;
  identity.node = NodeId{in.get<std::uint64_t>()};
  get_array(in, identity.incarnation);
  get_array(in, identity.group);
  if (in.failed()) return std::nullopt;
  return identity;
}

void put_snapshot_ref(ByteWriter& out, const SnapshotRef& ref) {
  out.put(ref.index.value);
  out.put(ref.term.value);
  out.put(ref.size);
  out.put(ref.crc);
}

std::optional<SnapshotRef> get_snapshot_ref(ByteReader& in) {
  SnapshotRef ref;
  ref.index = LogIndex{in.get<std::uint64_t>()};
  ref.term = Term{in.get<std::uint64_t>()};
  ref.size = in.get<std::uint64_t>();
  ref.crc = in.get<std::uint32_t>();
  if (in.failed() || ref.index.value == UINT64_MAX) return std::nullopt;
  return ref;
}

void put_state(ByteWriter& out, const LogState& state) {
  out.put(state.next.value);
  put_snapshot_ref(out, state.snapshot);
  put_hard_state(out, state.hard_state);
  out.put(state.tokens.value);
}

std::optional<LogState> get_state(ByteReader& in) {
  LogState state;
  state.next = LogIndex{in.get<std::uint64_t>()};
  const std::optional<SnapshotRef> snapshot = get_snapshot_ref(in);
  const std::optional<raft::HardState> hard_state = get_hard_state(in);
  state.tokens = Token{in.get<std::uint64_t>()};
  if (!snapshot || !hard_state || in.failed() || state.next.value == 0) return std::nullopt;
  state.snapshot = *snapshot;
  state.hard_state = *hard_state;
  return state;
}

Level level_of(const raft::Persist& persist) {
  Level level = persist.snapshot ? persist.snapshot->level : first_level;
  for (const raft::Entry& entry : persist.entries) level = std::max(level, entry.level);
  return level;
}

Bytes encode_persist(const raft::Persist& persist, const std::optional<SnapshotRef>& snapshot,
                     Level version) {
  ByteWriter out;
  out.put(static_cast<std::uint8_t>((snapshot ? has_snapshot : 0) |
                                    (persist.entries.empty() ? 0 : has_entries) |
                                    (persist.hard_state ? has_hard_state : 0)));
  if (snapshot) put_snapshot_ref(out, *snapshot);
  if (!persist.entries.empty()) put_entries(out, persist.entries, version);
  if (persist.hard_state) put_hard_state(out, *persist.hard_state);
  return out.take();
}

std::optional<PersistBody> decode_persist(ByteView body, Level version) {
  ByteReader in(body);
  PersistBody persist;
  const std::uint8_t parts = in.get<std::uint8_t>();
  if (parts > all_parts) return std::nullopt;
  if ((parts & has_snapshot) != 0) {
    persist.snapshot = get_snapshot_ref(in);
    if (!persist.snapshot || persist.snapshot->index.value == 0) return std::nullopt;
  }
  if ((parts & has_entries) != 0) {
    std::optional<std::vector<raft::Entry>> entries = get_entries(in, version);
    if (!entries) return std::nullopt;
    persist.entries = std::move(*entries);
  }
  if ((parts & has_hard_state) != 0) {
    persist.hard_state = get_hard_state(in);
    if (!persist.hard_state) return std::nullopt;
  }
  if (!is_at_end(in)) return std::nullopt;
  return persist;
}

Bytes encode_snapshot_ref(const SnapshotRef& ref) {
  ByteWriter out;
  put_snapshot_ref(out, ref);
  return out.take();
}

std::optional<SnapshotRef> decode_snapshot_ref(ByteView body) {
  ByteReader in(body);
  const std::optional<SnapshotRef> ref = get_snapshot_ref(in);
  if (!ref || ref->index.value == 0 || !is_at_end(in)) return std::nullopt;
  return ref;
}

Bytes encode_tokens(Token upto) {
  ByteWriter out;
  out.put(upto.value);
  return out.take();
}

std::optional<Token> decode_tokens(ByteView body) {
  ByteReader in(body);
  const Token upto{in.get<std::uint64_t>()};
  if (!is_at_end(in)) return std::nullopt;
  return upto;
}

}  // namespace coord::store
