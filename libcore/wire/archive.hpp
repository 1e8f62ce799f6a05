// SPDX-License-Identifier: MIT
// The bounded cereal archive: how a field looks in bytes. Included by the few .cpp
// files that compile codecs only.
//
// Problem: bytes from a socket decide how much is allocated and which alternative is built. Stock cereal
// trusts them: a count of 2^31 in nine bytes allocates 2 GB, a bool may be 7, an enum anything, a variant's
// index is a signed int. Here:
//   integers   fixed width, little-endian
//   bool       one byte, 0 or 1
//   enum       its underlying integer, one of its enumerators (a new one is appended, never inserted)
//   string     u32 count and bytes; the count is checked against the bytes left before anything is allocated
//   vector     u32 count and elements; the count is checked against the bytes left and the message's budget
//              of elements, and the vector grows as elements are read, not as they are announced
//   map, set   as vector, keys strictly increasing: one encoding a value
//   variant    u8 index and the alternative (a new alternative is appended)
//   optional, pair, array, durations: as cereal has them, made of the above
// The archive knows the version of what it reads or writes (a frame's, a snapshot's section's): a field
// that came later is listed with archive.since(2, field) and has no bytes before that version: it is
// left as it is when read, and said to nobody when written. A struct that others hold may grow so too:
// all fields of a message are of one version. An enumerator that came later needs its known_at(): what
// an older reader is told instead.
#pragma once

#include <istream>
#include <ostream>

// cereal includes <iostream> and uses nothing of it, but whoever includes it gets all locales of the library
// linked in and set up at the start: for a tool that should start as fast as flock that is most of its size.
#ifdef __GLIBCXX__
#define _GLIBCXX_IOSTREAM 1
#endif
#include <algorithm>
#include <array>
#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/utility.hpp>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "wire/bounds.hpp"
#include "wire/codec.hpp"

namespace coord {

template <class Archive>
void serialize(Archive& archive, WallTime& time) {
  archive(time.unix_ns);
}

namespace wire {

// Is it one of E's enumerators? Those have a name: name_of(E) beside the enum is a switch over all of them,
// so that the compiler names the place where a new one has to be added. Specialised by such a switch for an
// enum whose choices nobody has to name.
template <class E>
constexpr bool is_enumerator(E value) {
  return name_of(value) != nullptr;
}

// What is written instead of an enumerator that a reader of `version` does not know. Specialised for an enum
// that has grown; by default all are as old as the enum.
template <class E>
constexpr E known_at(E value, std::uint32_t /*version*/) {
  return value;
}

// Why bytes are no message. Thrown inside decode() only.
struct Malformed : cereal::Exception {
  using cereal::Exception::Exception;
};

class BoundedReader : public cereal::InputArchive<BoundedReader> {
 public:
  BoundedReader(ByteView data, const DecodeOptions& options)
      : InputArchive(this), rest_(data), elements_(options.elements), version_(options.version) {}

  ByteView raw(std::size_t size) {
    if (size > rest_.size()) throw Malformed("it ends within a field");
    const ByteView front = rest_.first(size);
    rest_ = rest_.subspan(size);
    return front;
  }

  template <class Unsigned>
  Unsigned integer() {
    const ByteView bytes = raw(sizeof(Unsigned));
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = (value << 8U) | bytes[i];
    return static_cast<Unsigned>(value);
  }

  // A count of things that take at least one byte each.
  std::size_t count(std::size_t max) {
    const std::size_t n = integer<std::uint32_t>();
    if (n > rest_.size()) throw Malformed("it counts more elements than it has bytes");
    if (n > max) throw Malformed("a field is longer than its bound");
    return n;
  }

  std::size_t element_count(std::size_t max) {
    const std::size_t n = count(max);
    if (n > elements_) throw Malformed("it has too many elements");
    elements_ -= n;
    return n;
  }

  std::uint32_t version() const { return version_; }
  template <class... Fields>
  void since(std::uint32_t version, Fields&&... fields) {
    if (version_ >= version) (*this)(std::forward<Fields>(fields)...);
  }

  std::size_t left() const { return rest_.size(); }

 private:
  ByteView rest_;
  std::size_t elements_;
  std::uint32_t version_;
};

class BoundedWriter : public cereal::OutputArchive<BoundedWriter> {
 public:
  explicit BoundedWriter(std::uint32_t version = first_version) : OutputArchive(this), version_(version) {}
  // Goes on behind `begun`.
  BoundedWriter(std::uint32_t version, Bytes begun)
      : OutputArchive(this), version_(version), out_(std::move(begun)) {}

  void raw(ByteView data) { out_.insert(out_.end(), data.begin(), data.end()); }

  template <class Unsigned>
  void integer(Unsigned value) {
    std::array<std::uint8_t, sizeof(Unsigned)> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::uint8_t>(std::uint64_t{value} >> (8U * i));
    raw(bytes);
  }

  void count(std::size_t n, std::size_t max) {
    COORD_CHECK(n <= max && n <= std::numeric_limits<std::uint32_t>::max());
    integer(static_cast<std::uint32_t>(n));
  }

  std::uint32_t version() const { return version_; }
  template <class... Fields>
  void since(std::uint32_t version, Fields&&... fields) {
    if (version_ >= version) (*this)(std::forward<Fields>(fields)...);
  }

  // A count whose value is known later.
  std::size_t begin_counted() {
    integer(std::uint32_t{0});
    return out_.size();
  }
  void end_counted(std::size_t begin) {
    const std::size_t size = out_.size() - begin;
    COORD_CHECK(size <= std::numeric_limits<std::uint32_t>::max());
    for (std::size_t i = 0; i < sizeof(std::uint32_t); ++i)
      out_[begin - sizeof(std::uint32_t) + i] = static_cast<std::uint8_t>(size >> (8U * i));
  }

  Bytes take() { return std::move(out_); }

 private:
  std::uint32_t version_;
  Bytes out_;
};

inline constexpr std::size_t no_bound = std::numeric_limits<std::size_t>::max();

// Integers, bool and enums

template <class T>
concept PlainInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <PlainInteger T>
void CEREAL_SAVE_FUNCTION_NAME(BoundedWriter& archive, const T& value) {
  archive.integer(static_cast<std::make_unsigned_t<T>>(value));
}
template <PlainInteger T>
void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, T& value) {
  value = static_cast<T>(archive.integer<std::make_unsigned_t<T>>());
}

inline void CEREAL_SAVE_FUNCTION_NAME(BoundedWriter& archive, const bool& value) {
  archive.integer(static_cast<std::uint8_t>(value ? 1 : 0));
}
inline void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, bool& value) {
  const auto byte = archive.integer<std::uint8_t>();
  if (byte > 1) throw Malformed("a truth value is neither 0 nor 1");
  value = byte == 1;
}

template <class E>
requires std::is_enum_v<E>
void CEREAL_SAVE_FUNCTION_NAME(BoundedWriter& archive, const E& value) {
  COORD_CHECK(is_enumerator<E>(value));
  archive.integer(static_cast<std::underlying_type_t<E>>(known_at<E>(value, archive.version())));
}
template <class E>
requires std::is_enum_v<E>
void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, E& value) {
  static_assert(std::is_unsigned_v<std::underlying_type_t<E>>, "an enum on the wire has an unsigned type");
  value = static_cast<E>(archive.integer<std::underlying_type_t<E>>());
  if (!is_enumerator<E>(value)) throw Malformed("a choice is out of its range");
}

// What cereal's own string, array and pair are made of

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(BoundedWriter& archive, const cereal::SizeTag<T>& tag) {
  archive.count(static_cast<std::size_t>(tag.size), no_bound);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, cereal::SizeTag<T>& tag) {
  tag.size = archive.count(no_bound);
}

template <class T>
concept ByteBuffer = sizeof(std::remove_pointer_t<T>) == 1;

template <ByteBuffer T>
void CEREAL_SAVE_FUNCTION_NAME(BoundedWriter& archive, const cereal::BinaryData<T>& data) {
  archive.raw({static_cast<const std::uint8_t*>(data.data), static_cast<std::size_t>(data.size)});
}
template <ByteBuffer T>
void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, cereal::BinaryData<T>& data) {
  const ByteView bytes = archive.raw(static_cast<std::size_t>(data.size));
  std::copy(bytes.begin(), bytes.end(), static_cast<std::uint8_t*>(data.data));
}

template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(BoundedWriter& archive, cereal::NameValuePair<T>& named) {
  archive(named.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(BoundedReader& archive, cereal::NameValuePair<T>& named) {
  archive(named.value);
}

// Containers

template <class T>
struct IsOrdered : std::false_type {};
template <class K, class V>
struct IsOrdered<std::map<K, V>> : std::true_type {};
template <class K>
struct IsOrdered<std::set<K>> : std::true_type {};

template <class T>
struct IsSequence : std::false_type {};
template <class T>
struct IsSequence<std::vector<T>> : std::true_type {};
template <class T>
struct IsSequence<std::deque<T>> : std::true_type {};

template <class T>
concept Sequence = IsSequence<T>::value;
template <class T>
concept Ordered = IsOrdered<T>::value;
template <class T>
concept Container = Sequence<T> || Ordered<T> || std::is_same_v<T, std::string>;

template <Ordered T, class Element>
const typename T::key_type& key_of(const Element& element) {
  if constexpr (requires { typename T::mapped_type; }) {
    return element.first;
  } else {
    return element;
  }
}

// What is built while reading: a map's value_type has a const key.
template <class T>
struct Built {
  using type = typename T::value_type;
};
template <class K, class V>
struct Built<std::map<K, V>> {
  using type = std::pair<K, V>;
};

template <std::size_t ElementMax, class T>
void write_element(BoundedWriter& archive, const T& element) {
  if constexpr (ElementMax > 0) {
    archive(AtMost<const T, ElementMax, 0>{element});
  } else {
    archive(element);
  }
}

template <std::size_t ElementMax, class T>
void read_element(BoundedReader& archive, T& element) {
  if constexpr (ElementMax > 0) {
    archive(AtMost<T, ElementMax, 0>{element});
  } else {
    archive(element);
  }
}

template <std::size_t ElementMax, Container T>
void write_container(BoundedWriter& archive, const T& container, std::size_t max) {
  archive.count(container.size(), max);
  if constexpr (std::is_same_v<T, Bytes>) {
    archive.raw(container);
  } else if constexpr (std::is_same_v<T, std::string>) {
    archive.raw(bytes_of(container));
  } else {
    for (const auto& element : container) write_element<ElementMax>(archive, element);
  }
}

template <std::size_t ElementMax, Container T>
void read_container(BoundedReader& archive, T& container, std::size_t max) {
  if constexpr (std::is_same_v<T, Bytes> || std::is_same_v<T, std::string>) {
    const ByteView bytes = archive.raw(archive.count(max));
    container.assign(bytes.begin(), bytes.end());
  } else {
    container.clear();
    for (std::size_t left = archive.element_count(max); left > 0; --left) {
      typename Built<T>::type element{};
      read_element<ElementMax>(archive, element);
      if constexpr (Ordered<T>) {
        if (!container.empty() && !(key_of<T>(*container.rbegin()) < key_of<T>(element)))
          throw Malformed("keys are out of order");
        container.emplace_hint(container.end(), std::move(element));
      } else {
        container.push_back(std::move(element));
      }
    }
  }
}

template <class T>
requires Sequence<T> || Ordered<T>
void CEREAL_SAVE_FUNCTION_NAME(BoundedWriter& archive, const T& container) {
  write_container<0>(archive, container, no_bound);
}
template <class T>
requires Sequence<T> || Ordered<T>
void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, T& container) {
  read_container<0>(archive, container, no_bound);
}

template <class T, std::size_t Max, std::size_t ElementMax>
void CEREAL_SAVE_FUNCTION_NAME(BoundedWriter& archive, const AtMost<T, Max, ElementMax>& field) {
  write_container<ElementMax>(archive, std::as_const(field.value), Max);
}
template <class T, std::size_t Max, std::size_t ElementMax>
void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, AtMost<T, Max, ElementMax>& field) {
  read_container<ElementMax>(archive, field.value, Max);
}

template <std::size_t Max>
void CEREAL_SAVE_FUNCTION_NAME(BoundedWriter& archive, const Text<Max>& field) {
  const ByteView bytes = bytes_of(field.value);
  const ByteView cut = bytes.first(std::min(bytes.size(), Max));
  archive.count(cut.size(), Max);
  archive.raw(cut);
}
template <std::size_t Max>
void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, Text<Max>& field) {
  read_container<0>(archive, field.value, Max);
}

// Variants

template <class... Ts>
void CEREAL_SAVE_FUNCTION_NAME(BoundedWriter& archive, const std::variant<Ts...>& value) {
  static_assert(sizeof...(Ts) <= 256);
  archive.integer(static_cast<std::uint8_t>(value.index()));
  std::visit([&archive](const auto& alternative) { archive(alternative); }, value);
}

template <std::size_t Index, class... Ts>
void read_alternative(BoundedReader& archive, std::variant<Ts...>& value) {
  archive(value.template emplace<Index>());
}

template <class... Ts>
void CEREAL_LOAD_FUNCTION_NAME(BoundedReader& archive, std::variant<Ts...>& value) {
  const std::size_t index = archive.integer<std::uint8_t>();
  if (index >= sizeof...(Ts)) throw Malformed("its kind is not known");
  using Read = void (*)(BoundedReader&, std::variant<Ts...>&);
  constexpr auto readers = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<Read, sizeof...(Ts)>{&read_alternative<I, Ts...>...};
  }
  (std::index_sequence_for<Ts...>{});
  readers[index](archive, value);
}

// Whole messages

template <class T>
Bytes encode(const T& message, std::uint32_t version) {
  BoundedWriter archive(version);
  archive(message);
  return archive.take();
}

template <class T>
Result<T> decode(ByteView data, const DecodeOptions& options) {
  try {
    BoundedReader archive(data, options);
    T message{};
    archive(message);
    if (archive.left() > 0 && !options.newer_sender) throw Malformed("bytes are left over");
    return message;
  } catch (const cereal::Exception& why) {
    return Error{ErrorKind::data, "message", why.what(), ""};
  }
}

}  // namespace wire
}  // namespace coord

// Our ways for these types, not those that cereal has for any archive.
template <class E>
requires std::is_enum_v<E>
struct cereal::specialize<coord::wire::BoundedReader, E, cereal::specialization::non_member_load_save> {
};
template <class E>
requires std::is_enum_v<E>
struct cereal::specialize<coord::wire::BoundedWriter, E, cereal::specialization::non_member_load_save> {
};

CEREAL_SETUP_ARCHIVE_TRAITS(coord::wire::BoundedReader, coord::wire::BoundedWriter)

// Compiles encode() and decode() of a type; at namespace scope outside any namespace.
#define COORD_WIRE_TYPE(...)                                                                 \
  template coord::Bytes coord::wire::encode<__VA_ARGS__>(const __VA_ARGS__&, std::uint32_t); \
  template coord::Result<__VA_ARGS__> coord::wire::decode<__VA_ARGS__>(coord::ByteView,      \
                                                                       const coord::wire::DecodeOptions&);
