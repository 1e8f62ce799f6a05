// SPDX-License-Identifier: MIT
#include "replica/engine_frame.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "store/crc32c.hpp"

namespace coord::replica {

namespace {

constexpr std::uint32_t entry_mark = 0x31456375;   // "ucE1"
constexpr std::uint32_t state_mark = 0x31536375;   // "ucS1"
constexpr std::uint32_t memory_mark = 0x314d6375;  // "ucM1"
constexpr std::uint32_t version = 1;
constexpr std::size_t seals_limit = 1024;

Error not_ours(const char* what) {
  return Error{ErrorKind::data, what, "it is damaged, or nothing of coordd's",
               "look for other writers under this prefix"};
}

Error of_later_release(const char* what, std::uint32_t seen) {
  return Error{ErrorKind::data, what,
               fmt::format("it is of version {}, and this program knows version {}", seen, version),
               "install the release that the other gateways have"};
}

// Behind the mark and the version, before the checksum.
template <class Write>
Bytes framed(std::uint32_t mark, Write&& write) {
  ByteWriter out;
  out.put(mark);
  out.put(version);
  write(out);
  out.put(store::crc32c(out.bytes()));
  return out.take();
}

// Mark and checksum are right: what stands between the version and the checksum. `seen`: the version.
std::optional<ByteView> opened(std::uint32_t mark, ByteView bytes, std::uint32_t& seen) {
  constexpr std::size_t around = 12;
  if (bytes.size() < around) return std::nullopt;
  ByteReader reader(bytes);
  if (reader.get<std::uint32_t>() != mark) return std::nullopt;
  seen = reader.get<std::uint32_t>();
  ByteReader end(bytes.last(4));
  if (end.get<std::uint32_t>() != store::crc32c(bytes.first(bytes.size() - 4))) return std::nullopt;
  return bytes.subspan(8, bytes.size() - around);
}

void put(ByteWriter& out, const EnginePlace& place) {
  out.put(place.index);
  out.put(place.chain);
}

EnginePlace get_place(ByteReader& reader) {
  EnginePlace place;
  place.index = reader.get<std::uint64_t>();
  place.chain = reader.get<std::uint64_t>();
  return place;
}

// Of a lease: none is longer than a hundred years.
Duration get_ttl(ByteReader& reader) {
  constexpr std::uint64_t longest = 100ULL * 366 * 86400 * 1'000'000'000;
  return Duration{static_cast<Duration::rep>(std::min(reader.get<std::uint64_t>(), longest))};
}

Bytes copied(ByteView view) {
  return {view.begin(), view.end()};
}

}  // namespace

// FNV-1a, 64 bits: it tells histories apart that came about by accident, not by malice.
std::uint64_t chained(std::uint64_t chain, std::uint64_t position, ByteView bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3U; };
  for (const std::uint64_t number : {chain, position}) {
    for (unsigned shift = 0; shift < 64; shift += 8) add(static_cast<std::uint8_t>(number >> shift));
  }
  for (const std::uint8_t byte : bytes) add(byte);
  return hash;
}

Bytes encode(const EngineEntry& entry) {
  return framed(entry_mark, [&](ByteWriter& out) {
    out.put(entry.node.value);
    out.put(static_cast<std::uint8_t>(entry.kind));
    out.put(static_cast<std::uint32_t>(entry.level));
    out.put(ByteView(entry.command));
  });
}

Result<std::optional<EngineEntry>> decode_engine_entry(ByteView bytes) {
  std::uint32_t seen = 0;
  const auto body = opened(entry_mark, bytes, seen);
  if (!body) return std::optional<EngineEntry>();
  if (seen != version) return of_later_release("an entry of the log", seen);
  ByteReader reader(*body);
  EngineEntry entry;
  entry.node = NodeId{reader.get<std::uint64_t>()};
  const auto kind = reader.get<std::uint8_t>();
  entry.level = reader.get<std::uint32_t>();
  if (reader.failed() || kind > static_cast<std::uint8_t>(EngineEntry::Kind::raise))
    return Error{ErrorKind::data, "an entry of the log",
                 fmt::format("it is of kind {}, which this program does not know", kind),
                 "install the release that the other gateways have"};
  entry.kind = EngineEntry::Kind{kind};
  entry.command = copied(body->subspan(13));
  return std::optional(std::move(entry));
}

Bytes encode(const EngineWord& word) {
  ByteWriter out;
  out.put(word.nonce);
  put(out, word.place);
  out.put(word.era);
  out.put(word.token.value);
  out.put(static_cast<std::uint64_t>(word.ttl.count()));
  return out.take();
}

// What a later release says more is behind that.
Result<EngineWord> decode_engine_word(ByteView bytes) {
  ByteReader reader(bytes);
  EngineWord word;
  word.nonce = reader.get<std::uint64_t>();
  word.place = get_place(reader);
  word.era = reader.get<std::uint64_t>();
  word.token = Token{reader.get<std::uint64_t>()};
  word.ttl = get_ttl(reader);
  if (reader.failed()) return not_ours("a word in the log");
  return word;
}

Bytes encode(const EngineState& state) {
  return framed(state_mark, [&](ByteWriter& out) {
    out.put(state.era);
    put(out, state.place);
    out.put(static_cast<std::uint32_t>(state.seals.size()));
    for (const EnginePlace& seal : state.seals) put(out, seal);
    out.put(static_cast<std::uint32_t>(state.words.size()));
    for (const auto& [session, word] : state.words) {
      out.put(session.value);
      out.put(word.renewal);
      out.put(word.node.value);
    }
    out.put(static_cast<std::uint64_t>(state.closed_for.count()));
    out.put(static_cast<std::uint32_t>(state.level));
    out.put(ByteView(state.machine));
  });
}

Result<EngineState> decode_engine_state(ByteView bytes) {
  std::uint32_t seen = 0;
  const auto body = opened(state_mark, bytes, seen);
  if (!body) return not_ours("the state that the engine keeps");
  if (seen != version) return of_later_release("the state that the engine keeps", seen);
  ByteReader reader(*body);
  EngineState state;
  state.era = reader.get<std::uint64_t>();
  state.place = get_place(reader);
  const auto seals = reader.get<std::uint32_t>();
  if (seals > seals_limit) return not_ours("the state that the engine keeps");
  for (std::uint32_t i = 0; i < seals && !reader.failed(); ++i) state.seals.push_back(get_place(reader));
  const auto words = reader.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < words && !reader.failed(); ++i) {
    const SessionId session{reader.get<std::uint64_t>()};
    const auto renewal = reader.get<std::uint64_t>();
    state.words[session] = ExpiryWord{renewal, NodeId{reader.get<std::uint64_t>()}};
  }
  state.closed_for = get_ttl(reader);
  state.level = reader.get<std::uint32_t>();
  if (reader.failed() || state.words.size() != words) return not_ours("the state that the engine keeps");
  const std::size_t before = 8 + 16 + 4 + std::size_t{16} * seals + 4 + std::size_t{24} * words + 8 + 4;
  state.machine = copied(body->subspan(before));
  return state;
}

Bytes encode(const EngineMemory& memory) {
  return framed(memory_mark, [&](ByteWriter& out) {
    out.put(memory.era);
    put(out, memory.place);
    put(out, memory.seal);
    out.put(memory.token.value);
    out.put(static_cast<std::uint64_t>(memory.ttl.count()));
  });
}

Result<EngineMemory> decode_engine_memory(ByteView bytes) {
  std::uint32_t seen = 0;
  const auto body = opened(memory_mark, bytes, seen);
  if (!body || (seen == version && body->size() != 56))
    return Error{ErrorKind::data, "this gateway's record of its engine", "it is damaged",
                 "remove the file: the gateway then asks those that have seen the log"};
  if (seen != version) return of_later_release("this gateway's record of its engine", seen);
  ByteReader reader(*body);
  EngineMemory memory;
  memory.era = reader.get<std::uint64_t>();
  memory.place = get_place(reader);
  memory.seal = get_place(reader);
  memory.token = Token{reader.get<std::uint64_t>()};
  memory.ttl = get_ttl(reader);
  return memory;
}

}  // namespace coord::replica
