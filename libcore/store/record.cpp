// SPDX-License-Identifier: MIT
#include "store/record.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "store/crc32c.hpp"

namespace coord::store {
namespace {

void append_words(Bytes& out, ByteView content, std::uint8_t first_mark) {
  std::uint8_t mark = first_mark;
  while (!content.empty()) {
    const ByteView part = content.first(std::min(word_content, content.size()));
    out.insert(out.end(), part.begin(), part.end());
    out.insert(out.end(), word_content - part.size(), 0);
    out.push_back(mark);
    mark = body_mark;
    content = content.subspan(part.size());
  }
}

// The content of the words of `raw`, or nothing if a mark is not as it was written.
std::optional<Bytes> words_content(ByteView raw, std::uint8_t first_mark) {
  Bytes content;
  content.reserve(raw.size() / word_size * word_content);
  std::uint8_t mark = first_mark;
  for (; !raw.empty(); raw = raw.subspan(word_size)) {
    if (raw[word_content] != mark) return std::nullopt;
    content.insert(content.end(), raw.begin(), raw.begin() + word_content);
    mark = body_mark;
  }
  return content;
}

bool holds_unwritten_word(ByteView raw) {
  for (std::size_t last = word_content; last < raw.size(); last += word_size) {
    if (raw[last] == 0) return true;
  }
  return false;
}

Bytes header_bytes(const RecordHeader& header) {
  ByteWriter out;
  out.put(static_cast<std::uint32_t>(header.type));
  out.put(header.length);
  out.put(header.synced);
  out.put(header.previous);
  out.put(header.body_crc);
  return out.take();
}

bool only_zeros(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

std::uint32_t append_record(Bytes& out, RecordType type, ByteView body, std::uint64_t synced,
                            std::uint32_t previous) {
  COORD_CHECK(body.size() <= UINT32_MAX);
  const RecordHeader header{type, static_cast<std::uint32_t>(body.size()), synced, previous, crc32c(body), 0};
  Bytes head = header_bytes(header);
  const std::uint32_t crc = crc32c(head);
  ByteWriter tail;
  tail.put(crc);
  head.insert(head.end(), tail.bytes().begin(), tail.bytes().end());
  append_words(out, head, head_mark);
  append_words(out, body, body_mark);
  return crc;
}

std::optional<RecordHeader> read_header(ByteView segment, std::size_t at) {
  if (segment.size() < header_size || at > segment.size() - header_size) return std::nullopt;
  if (segment[at + word_content] != head_mark) return std::nullopt;
  const std::optional<Bytes> content = words_content(segment.subspan(at, header_size), head_mark);
  if (!content) return std::nullopt;
  ByteReader in(*content);
  RecordHeader header;
  header.type = static_cast<RecordType>(in.get<std::uint32_t>());
  header.length = in.get<std::uint32_t>();
  header.synced = in.get<std::uint64_t>();
  header.previous = in.get<std::uint32_t>();
  header.body_crc = in.get<std::uint32_t>();
  header.crc = in.get<std::uint32_t>();
  if (header.crc != crc32c(header_bytes(header))) return std::nullopt;
  return header;
}

Found read_record(ByteView segment, std::size_t at) {
  COORD_CHECK(at % word_size == 0 && at + header_size <= segment.size());
  Found found;
  found.end = at + header_size;
  const std::optional<RecordHeader> header = read_header(segment, at);
  if (!header) {
    if (holds_unwritten_word(segment.subspan(at, header_size))) found.kind = Found::Kind::unfinished;
    return found;
  }
  const std::size_t size = stored_size(header->length);
  if (size > segment.size() - at) return found;  // no record is ever written across the end of its segment
  found.end = at + size;
  const ByteView raw = segment.subspan(at + header_size, size - header_size);
  std::optional<Bytes> body = words_content(raw, body_mark);
  if (body) {
    const bool padded = only_zeros(ByteView(*body).subspan(header->length));
    body->resize(header->length);
    if (COORD_RULE(hard_state_checked, padded && crc32c(*body) == header->body_crc)) {
      found.kind = Found::Kind::whole;
      found.header = *header;
      found.body = std::move(*body);
      return found;
    }
  }
  if (holds_unwritten_word(raw)) found.kind = Found::Kind::unfinished;
  return found;
}

}  // namespace coord::store
