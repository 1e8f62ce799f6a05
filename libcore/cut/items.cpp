// SPDX-License-Identifier: MIT
#include "cut/items.hpp"

#include <utility>

namespace coord::cut {

namespace {

void put(ByteWriter& out, const std::string& text) {
  out.put(static_cast<std::uint32_t>(text.size()));
  out.put(bytes_of(text));
}
std::string get_text(ByteReader& in) {
  const ByteView bytes = in.get(in.get<std::uint32_t>());
  return {bytes.begin(), bytes.end()};
}
void put(ByteWriter& out, bool flag) {
  out.put(flag ? std::uint8_t{1} : std::uint8_t{0});
}
bool get_flag(ByteReader& in) {
  return in.get<std::uint8_t>() != 0;
}

void write(ByteWriter& out, const Message& item) {
  out.put(static_cast<std::uint32_t>(item.clock.size()));
  for (const auto& [life, count] : item.clock) {
    out.put(life);
    out.put(count);
  }
  put(out, item.body);
}
void write(ByteWriter& out, const Marker& item) {
  put(out, item.snapshot);
  out.put(item.view);
  put(out, item.given_up);
}
void write(ByteWriter& out, const Begin& item) {
  put(out, item.snapshot);
  out.put(item.view);
}
void write(ByteWriter& out, const Line& item) {
  put(out, item.body);
}
void write(ByteWriter&, const EndInput&) {}
void write(ByteWriter& out, const Part& item) {
  put(out, item.text);
}
void write(ByteWriter& out, const Answer& item) {
  put(out, item.snapshot);
  put(out, item.view_differs);
  put(out, item.left);
  out.put(item.returned);
  out.put(item.outside);
}

void write(ByteWriter& out, const CloseNow& item) {
  put(out, item.snapshot);
  out.put(item.without);
}

void read(ByteReader& in, CloseNow& item) {
  item.snapshot = get_text(in);
  item.without = in.get<std::uint64_t>();
}
void read(ByteReader& in, Message& item) {
  for (auto left = in.get<std::uint32_t>(); left > 0 && !in.failed(); --left) {
    const auto life = in.get<std::uint64_t>();
    item.clock[life] = in.get<std::uint64_t>();
  }
  item.body = get_text(in);
}
void read(ByteReader& in, Marker& item) {
  item.snapshot = get_text(in);
  item.view = in.get<std::uint64_t>();
  item.given_up = get_flag(in);
}
void read(ByteReader& in, Begin& item) {
  item.snapshot = get_text(in);
  item.view = in.get<std::uint64_t>();
}
void read(ByteReader& in, Line& item) {
  item.body = get_text(in);
}
void read(ByteReader&, EndInput&) {}
void read(ByteReader& in, Part& item) {
  item.text = get_text(in);
}
void read(ByteReader& in, Answer& item) {
  item.snapshot = get_text(in);
  item.view_differs = get_flag(in);
  item.left = get_flag(in);
  item.returned = in.get<std::uint64_t>();
  item.outside = in.get<std::uint64_t>();
}

template <std::size_t kind = 0>
std::optional<Item> read_kind(std::size_t wanted, ByteReader& in) {
  if constexpr (kind < std::variant_size_v<Item>) {
    if (kind != wanted) return read_kind<kind + 1>(wanted, in);
    std::variant_alternative_t<kind, Item> item;
    read(in, item);
    if (in.failed() || in.left() > 0) return std::nullopt;
    return item;
  } else {
    return std::nullopt;
  }
}

}  // namespace

Bytes encode(const Item& item) {
  ByteWriter out;
  out.put(static_cast<std::uint8_t>(item.index()));
  std::visit([&](const auto& what) { write(out, what); }, item);
  return out.take();
}

std::optional<Item> decode(ByteView bytes) {
  ByteReader in(bytes);
  const auto kind = in.get<std::uint8_t>();
  return read_kind(kind, in);
}

}  // namespace coord::cut
