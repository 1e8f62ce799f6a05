#include "wire/state_sections.hpp"

#include <array>

#include "wire/archive.hpp"
#include "wire/service_enums.hpp"

namespace coord::wire {
namespace {

constexpr std::uint64_t mark = 0xffff'6574'6174'73ffU;

// Never used again for another family; a new one is appended.
enum class Family : std::uint32_t { sessions = 1, locks = 2, elections = 3, barriers = 4 };

struct Sessions {
  static constexpr Family family = Family::sessions;
  template <class Archive>
  static void list(Archive& archive, service::State& state) {
    archive(state.applied, state.token_base, state.last_token, state.registrations, state.sessions);
    archive.since(2, state.closed);
  }
};
struct Locks {
  static constexpr Family family = Family::locks;
  template <class Archive>
  static void list(Archive& archive, service::State& state) {
    archive(state.requests, state.remnants, state.history);
  }
};
struct Elections {
  static constexpr Family family = Family::elections;
  template <class Archive>
  static void list(Archive& archive, service::State& state) {
    archive(state.elections);
  }
};
struct Barriers {
  static constexpr Family family = Family::barriers;
  template <class Archive>
  static void list(Archive& archive, service::State& state) {
    archive(state.barriers);
  }
};

// In the order in which they are written.
template <class Visitor>
void for_each_section(Visitor&& visit) {
  visit(Sessions{});
  visit(Locks{});
  visit(Elections{});
  visit(Barriers{});
}

// How a level lays a family's section out.
constexpr std::uint32_t version_at(Level level, Family /*family*/) {
  return level;
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

template <class Section>
void read_section(BoundedReader& in, Level level, service::State& state) {
  const auto family = in.integer<std::uint32_t>();
  if (family != static_cast<std::uint32_t>(Section::family))
    throw Malformed(("family " + number(family) + " is where another should be").c_str());
  const auto version = in.integer<std::uint32_t>();
  if (version != version_at(level, Section::family))
    throw Malformed(("family " + number(family) + " is of version " + number(version)).c_str());
  BoundedReader section(in.raw(in.count(no_bound)), section_options(version));
  Section::list(section, state);
  if (section.left() > 0) throw Malformed(("family " + number(family) + " has bytes left over").c_str());
}

}  // namespace

Bytes encode_state(const service::State& state) {
  if (state.level < 2) return encode(state, first_version);
  BoundedWriter out(state.level);
  out.integer(mark);
  out.integer(std::uint32_t{state.level});
  std::uint32_t count = 0;
  for_each_section([&](auto) { ++count; });
  out.integer(count);
  for_each_section([&]<class Section>(Section) {
    const std::uint32_t version = version_at(state.level, Section::family);
    BoundedWriter section(version);
    Section::list(section, const_cast<service::State&>(state));
    const Bytes bytes = section.take();
    out.integer(static_cast<std::uint32_t>(Section::family));
    out.integer(version);
    out.count(bytes.size(), no_bound);
    out.raw(bytes);
  });
  return out.take();
}

Result<service::State> decode_state(ByteView data, Level level) {
  if (level < 2) return decode<service::State>(data, section_options(first_version));
  if (level > newest_level)
    return unreadable("it is of level " + number(level) + ", and this program knows level " +
                      number(newest_level));
  try {
    BoundedReader in(data, section_options(level));
    service::State state;
    if (in.integer<std::uint64_t>() != mark) throw Malformed("it does not begin as a state does");
    state.level = in.integer<std::uint32_t>();
    if (state.level != level) throw Malformed("it is of another level than was said");
    std::uint32_t wanted = 0;
    for_each_section([&](auto) { ++wanted; });
    if (in.integer<std::uint32_t>() != wanted) throw Malformed("it has families that are not known here");
    for_each_section([&]<class Section>(Section) { read_section<Section>(in, level, state); });
    if (in.left() > 0) throw Malformed("bytes are left over");
    return state;
  } catch (const cereal::Exception& why) {
    return unreadable(why.what());
  }
}

}  // namespace coord::wire
