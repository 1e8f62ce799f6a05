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
//   optional   bool (1: there is none) and the value; pair: both
//   array, durations: as cereal has them, made of the above
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
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
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

// What is the same for every type is in archive.cpp: laid out anew at each field, it was a third of what a
// codec takes to compile, and of its size.

// Why bytes are no message. Thrown inside decode() only.
struct Malformed : cereal::Exception {
  using cereal::Exception::Exception;
};
[[noreturn]] void malformed(const char* why);
Error unreadable(const cereal::Exception& why);

class BoundedReader : public cereal::InputArchive<BoundedReader> {
 public:
  BoundedReader(ByteView data, const DecodeOptions& options)
      : InputArchive(this), rest_(data), elements_(options.elements), version_(options.version) {}

  ByteView raw(std::size_t size);

  template <class Unsigned>
  Unsigned integer() {
    return static_cast<Unsigned>(integer_of(sizeof(Unsigned)));
  }

  // A count of things that take at least one byte each.
  std::size_t count(std::size_t max);
  std::size_t element_count(std::size_t max);

  // Most fields are told apart here: cereal would ask each a dozen questions first, a third of what a codec
  // takes to compile. What it alone knows (arrays, durations) goes on to it.
  template <class... Fields>
  void operator()(Fields&&... fields) {
    (take(fields), ...);
  }

  std::uint32_t version() const { return version_; }
  template <class... Fields>
  void since(std::uint32_t version, Fields&&... fields) {
    if (version_ >= version) (*this)(std::forward<Fields>(fields)...);
  }

  std::size_t left() const { return rest_.size(); }

 private:
  template <class Field>
  void take(Field& field);
  std::uint64_t integer_of(std::size_t size);

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

  void raw(ByteView data);

  template <class Unsigned>
  void integer(Unsigned value) {
    integer_of(value, sizeof(Unsigned));
  }

  void count(std::size_t n, std::size_t max);

  template <class... Fields>  // as the reader's
  void operator()(Fields&&... fields) {
    (put(fields), ...);
  }

  std::uint32_t version() const { return version_; }
  template <class... Fields>
  void since(std::uint32_t version, Fields&&... fields) {
    if (version_ >= version) (*this)(std::forward<Fields>(fields)...);
  }

  // A count whose value is known later.
  std::size_t begin_counted();
  void end_counted(std::size_t begin);

  Bytes take() { return std::move(out_); }

 private:
  template <class Field>
  void put(const Field& field);
  void integer_of(std::uint64_t value, std::size_t size);

  std::uint32_t version_;
  Bytes out_;
};

inline constexpr std::size_t no_bound = std::numeric_limits<std::size_t>::max();

// Integers, bool and enums

template <class T>
concept PlainInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

// One that a writer of that version would not have written is none.
template <class E>
void write_enum(BoundedWriter& archive, E value) {
  static_assert(std::is_unsigned_v<std::underlying_type_t<E>>, "an enum on the wire has an unsigned type");
  COORD_CHECK(is_enumerator<E>(value));
  archive.integer(static_cast<std::underlying_type_t<E>>(known_at<E>(value, archive.version())));
}
template <class E>
void read_enum(BoundedReader& archive, E& value) {
  value = static_cast<E>(archive.integer<std::underlying_type_t<E>>());
  if (!is_enumerator<E>(value) || known_at<E>(value, archive.version()) != value)
    malformed("a choice is out of its range");
}

// What cereal's own array is made of

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
          malformed("keys are out of order");
        container.emplace_hint(container.end(), std::move(element));
      } else {
        container.push_back(std::move(element));
      }
    }
  }
}

template <class T>
struct IsBounded : std::false_type {};
template <class T, std::size_t Max, std::size_t ElementMax>
struct IsBounded<AtMost<T, Max, ElementMax>> : std::true_type {};
template <std::size_t Max>
struct IsBounded<Text<Max>> : std::true_type {};

template <class T, std::size_t Max, std::size_t ElementMax>
void write_bounded(BoundedWriter& archive, const AtMost<T, Max, ElementMax>& field) {
  write_container<ElementMax>(archive, std::as_const(field.value), Max);
}
template <class T, std::size_t Max, std::size_t ElementMax>
void read_bounded(BoundedReader& archive, const AtMost<T, Max, ElementMax>& field) {
  read_container<ElementMax>(archive, field.value, Max);
}

template <std::size_t Max>
void write_bounded(BoundedWriter& archive, const Text<Max>& field) {
  const ByteView bytes = bytes_of(field.value);
  const ByteView cut = bytes.first(std::min(bytes.size(), Max));
  archive.count(cut.size(), Max);
  archive.raw(cut);
}
template <std::size_t Max>
void read_bounded(BoundedReader& archive, const Text<Max>& field) {
  read_container<0>(archive, field.value, Max);
}

// Variants

template <class T>
struct IsVariant : std::false_type {};
template <class... Ts>
struct IsVariant<std::variant<Ts...>> : std::true_type {};

template <class... Ts>
void write_variant(BoundedWriter& archive, const std::variant<Ts...>& value) {
  static_assert(sizeof...(Ts) <= 256);
  archive.integer(static_cast<std::uint8_t>(value.index()));
  std::visit([&archive](const auto& alternative) { archive(alternative); }, value);
}

template <std::size_t Index, class... Ts>
void read_alternative(BoundedReader& archive, std::variant<Ts...>& value) {
  archive(value.template emplace<Index>());
}

template <class... Ts>
void read_variant(BoundedReader& archive, std::variant<Ts...>& value) {
  const std::size_t index = archive.integer<std::uint8_t>();
  if (index >= sizeof...(Ts)) malformed("its kind is not known");
  using Read = void (*)(BoundedReader&, std::variant<Ts...>&);
  constexpr auto readers = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<Read, sizeof...(Ts)>{&read_alternative<I, Ts...>...};
  }
  (std::index_sequence_for<Ts...>{});
  readers[index](archive, value);
}

// Any field

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
struct IsPair : std::false_type {};
template <class First, class Second>
struct IsPair<std::pair<First, Second>> : std::true_type {};

template <class T>
struct IsNamed : std::false_type {};
template <class T>
struct IsNamed<cereal::NameValuePair<T>> : std::true_type {};

template <class T, class Archive>
concept ListsItsFields = requires(T& value, Archive& archive) {
  value.serialize(archive);
};

template <class Field>
void BoundedWriter::put(const Field& field) {
  if constexpr (std::is_same_v<Field, bool>) {
    integer(static_cast<std::uint8_t>(field ? 1 : 0));
  } else if constexpr (PlainInteger<Field>) {
    integer(static_cast<std::make_unsigned_t<Field>>(field));
  } else if constexpr (std::is_enum_v<Field>) {
    write_enum(*this, field);
  } else if constexpr (Container<Field>) {
    write_container<0>(*this, field, no_bound);
  } else if constexpr (IsBounded<Field>::value) {
    write_bounded(*this, field);
  } else if constexpr (IsVariant<Field>::value) {
    write_variant(*this, field);
  } else if constexpr (IsOptional<Field>::value) {
    put(!field.has_value());
    if (field) put(*field);
  } else if constexpr (IsPair<Field>::value) {
    put(field.first);
    put(field.second);
  } else if constexpr (IsNamed<Field>::value) {
    put(field.value);
  } else if constexpr (ListsItsFields<Field, BoundedWriter>) {
    const_cast<Field&>(field).serialize(*this);  // which only lists them
  } else {
    cereal::OutputArchive<BoundedWriter>::operator()(field);
  }
}

template <class Field>
void BoundedReader::take(Field& field) {
  if constexpr (std::is_same_v<Field, bool>) {
    const auto byte = integer<std::uint8_t>();
    if (byte > 1) malformed("a truth value is neither 0 nor 1");
    field = byte == 1;
  } else if constexpr (PlainInteger<Field>) {
    field = static_cast<Field>(integer<std::make_unsigned_t<Field>>());
  } else if constexpr (std::is_enum_v<Field>) {
    read_enum(*this, field);
  } else if constexpr (Container<Field>) {
    read_container<0>(*this, field, no_bound);
  } else if constexpr (IsBounded<Field>::value) {
    read_bounded(*this, field);
  } else if constexpr (IsVariant<Field>::value) {
    read_variant(*this, field);
  } else if constexpr (IsOptional<Field>::value) {
    bool is_none = false;
    take(is_none);
    field.reset();
    if (!is_none) take(field.emplace());
  } else if constexpr (IsPair<Field>::value) {
    take(field.first);
    take(field.second);
  } else if constexpr (IsNamed<Field>::value) {
    take(field.value);
  } else if constexpr (ListsItsFields<Field, BoundedReader>) {
    field.serialize(*this);
  } else {
    cereal::InputArchive<BoundedReader>::operator()(field);
  }
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
    if (archive.left() > 0 && !options.newer_sender) malformed("bytes are left over");
    return message;
  } catch (const cereal::Exception& why) {
    return unreadable(why);
  }
}

}  // namespace wire
}  // namespace coord

CEREAL_SETUP_ARCHIVE_TRAITS(coord::wire::BoundedReader, coord::wire::BoundedWriter)

// Compiles encode() and decode() of a type; at namespace scope outside any namespace.
#define COORD_WIRE_TYPE(...)                                                                 \
  template coord::Bytes coord::wire::encode<__VA_ARGS__>(const __VA_ARGS__&, std::uint32_t); \
  template coord::Result<__VA_ARGS__> coord::wire::decode<__VA_ARGS__>(coord::ByteView,      \
                                                                       const coord::wire::DecodeOptions&);
