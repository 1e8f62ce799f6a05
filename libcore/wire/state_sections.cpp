// SPDX-License-Identifier: MIT
#include "wire/state_sections.hpp"

#include <array>

#include "base/format.hpp"
#include "wire/archive.hpp"

namespace coord::wire {
namespace {

constexpr std::uint64_t mark = 0xffff'6574'6174'73ffU;

// How a level lays a family's section out.
constexpr std::uint32_t version_at(Level level, std::uint32_t /*section*/) {
  return level;
}

// Those of a level: `visit(part, section)` for each family that it has.
template <class Visit>
void for_each_section(service::State& state, Level level, Visit&& visit) {
  state.for_each_part([&](auto& part, std::uint32_t section, Level since) {
    if (since <= level) visit(part, section);
  });
}

std::uint32_t sections_of(Level level) {
  std::uint32_t count = 0;
  service::State none;
  for_each_section(none, level, [&](auto&, std::uint32_t) { ++count; });
  return count;
}

Error unreadable(std::string what) {
  return Error{ErrorKind::data, "state", std::move(what), "install the release that wrote it"};
}

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

DecodeOptions section_options(std::uint32_t version) {
  return {.elements = snapshot_elements, .version = version};
}

template <class Part>
void read_section(BoundedReader& in, Level level, Part& part, std::uint32_t wanted) {
  const auto family = in.integer<std::uint32_t>();
  if (family != wanted)
    throw Malformed(fmt::format("family {} is where another should be", number(family)).c_str());
  const auto version = in.integer<std::uint32_t>();
  if (version != version_at(level, wanted))
    throw Malformed(fmt::format("family {} is of version {}", number(family), number(version)).c_str());
  BoundedReader section(in.raw(in.count(no_bound)), section_options(version));
  section(part);
  if (section.left() > 0)
    throw Malformed(fmt::format("family {} has bytes left over", number(family)).c_str());
}

}  // namespace

// Into one buffer, which does not move while a large state fills it.
Bytes encode_state(const service::State& state, std::size_t expected) {
  if (state.level < 2) return encode(state, first_version);
  Bytes bytes;
  bytes.reserve(expected);
  BoundedWriter head(state.level, std::move(bytes));
  head.integer(mark);
  head.integer(std::uint32_t{state.level});
  head.integer(sections_of(state.level));
  bytes = head.take();
  for_each_section(const_cast<service::State&>(state), state.level, [&](auto& part, std::uint32_t family) {
    const std::uint32_t version = version_at(state.level, family);
    BoundedWriter section(version, std::move(bytes));
    section.integer(family);
    section.integer(version);
    const std::size_t begin = section.begin_counted();
    section(part);
    section.end_counted(begin);
    bytes = section.take();
  });
  return bytes;
}

Result<service::State> decode_state(ByteView data, Level level, Level knows) {
  if (level < 2) return decode<service::State>(data, section_options(first_version));
  if (level > knows)
    return unreadable(
        fmt::format("it is of level {}, and this program knows level {}", number(level), number(knows)));
  try {
    BoundedReader in(data, section_options(level));
    service::State state;
    if (in.integer<std::uint64_t>() != mark) throw Malformed("it does not begin as a state does");
    state.level = in.integer<std::uint32_t>();
    if (state.level != level) throw Malformed("it is of another level than was said");
    if (in.integer<std::uint32_t>() != sections_of(level))
      throw Malformed("it has families that are not known here");
    for_each_section(state, level,
                     [&](auto& part, std::uint32_t section) { read_section(in, level, part, section); });
    if (in.left() > 0) throw Malformed("bytes are left over");
    return state;
  } catch (const cereal::Exception& why) {
    return unreadable(why.what());
  }
}

}  // namespace coord::wire
