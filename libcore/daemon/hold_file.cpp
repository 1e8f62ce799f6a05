// SPDX-License-Identifier: MIT
#include "daemon/hold_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.hpp"
#include "base/own_file.hpp"
#include "store/crc32c.hpp"
#include "wire/archive.hpp"

COORD_WIRE_TYPE(coord::daemon::KeptHold)

namespace coord::daemon {

namespace {

constexpr std::size_t place_bytes = 256;  // divides a page: a place lies within one
// 16 MiB; a peer has at most 20,000 connections, and what it recovered
constexpr std::size_t most_places = 65536;
constexpr std::size_t head_bytes = 8;  // checksum of the rest, length of the record
// The first place: whose file this is.
constexpr std::array<char, 16> magic{'c', 'o', 'o', 'r', 'd', ' ', 'h', 'o', 'l', 'd', 's', ' ', '2', '\n'};

void put32(std::uint8_t* at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(value >> (8U * i));
}
void put64(std::uint8_t* at, std::uint64_t value) {
  std::memcpy(at, &value, sizeof value);
}
std::uint64_t get64(const std::uint8_t* at) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}
std::uint32_t get32(const std::uint8_t* at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = (value << 8U) | at[i];
  return value;
}

Error unavailable(const std::string& path, const std::string& what) {
  return Error{ErrorKind::unavailable, path, what, "make room in the state directory, and writable"};
}

// A place: checksum | length | the record of version 1 | version | length | later fields | checksum of all
// but the first. No later fields: zeros follow the record.
constexpr std::size_t later_head_bytes = 8;
constexpr std::size_t later_end_bytes = 4;

// With the fields that came after version 1, if they are there and whole.
std::optional<KeptHold> later_record_in(ByteView place, std::size_t length) {
  const std::size_t at = head_bytes + length;
  if (at + later_head_bytes + later_end_bytes > place.size()) return std::nullopt;
  const std::uint32_t version = get32(place.data() + at);
  const std::size_t later = get32(place.data() + at + 4);
  const std::size_t from = at + later_head_bytes;
  if (version <= wire::first_version || later > place.size() - from - later_end_bytes) return std::nullopt;
  if (store::crc32c(place.subspan(4, from + later - 4)) != get32(place.data() + from + later))
    return std::nullopt;
  Bytes whole(place.begin() + head_bytes, place.begin() + static_cast<std::ptrdiff_t>(at));
  const ByteView fields = place.subspan(from, later);
  whole.insert(whole.end(), fields.begin(), fields.end());
  auto record = wire::decode<KeptHold>(
      whole, {.newer_sender = version > kept_hold_version, .version = std::min(version, kept_hold_version)});
  if (!record) return std::nullopt;
  return *record;
}

// The record in a place, as it lies there; nothing if there is none or it was cut off.
std::optional<KeptHold> record_in(ByteView place) {
  const std::uint32_t length = get32(place.data() + 4);
  if (length == 0 || length > place_bytes - head_bytes) return std::nullopt;
  if (store::crc32c(place.subspan(4, length + 4)) != get32(place.data())) return std::nullopt;
  if (auto later = later_record_in(place, length)) return later;
  auto record = wire::decode<KeptHold>(place.subspan(head_bytes, length));
  if (!record) return std::nullopt;
  return *record;
}

Bytes place_of(const KeptHold& hold) {
  const Bytes record = wire::encode(hold, wire::first_version);
  const Bytes whole = wire::encode(hold, kept_hold_version);
  COORD_CHECK(whole.size() >= record.size() && std::equal(record.begin(), record.end(), whole.begin()));
  const std::size_t later = whole.size() - record.size();
  const std::size_t at = head_bytes + record.size(), from = at + later_head_bytes;
  COORD_CHECK(at <= place_bytes && (later == 0 || from + later + later_end_bytes <= place_bytes));
  Bytes place(place_bytes);
  put32(place.data() + 4, static_cast<std::uint32_t>(record.size()));
  std::copy(record.begin(), record.end(), place.begin() + head_bytes);
  put32(place.data(), store::crc32c(ByteView(place).subspan(4, record.size() + 4)));
  if (later == 0) return place;
  put32(place.data() + at, kept_hold_version);
  put32(place.data() + at + 4, static_cast<std::uint32_t>(later));
  std::copy(whole.begin() + static_cast<std::ptrdiff_t>(record.size()), whole.end(),
            place.begin() + static_cast<std::ptrdiff_t>(from));
  put32(place.data() + from + later, store::crc32c(ByteView(place).subspan(4, from + later - 4)));
  return place;
}

}  // namespace

BootId boot_id() {
  BootId id{};
  const Descriptor file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t size = file.is_open() ? ::read(file.get(), text.data(), text.size()) : 0;
  std::size_t digits = 0;
  for (ssize_t i = 0; i < size && digits < 2 * id.size(); ++i) {
    const char c = text[static_cast<std::size_t>(i)];
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (value < 0) continue;
    id[digits / 2] = static_cast<std::uint8_t>(id[digits / 2] << 4U | value);
    ++digits;
  }
  return id;
}

Result<HoldFile> HoldFile::open(const std::string& path) {
  auto fd = open_own_file(path, O_RDWR | O_CREAT);
  if (!fd) return fd.error();
  HoldFile file(std::move(*fd), path);
  if (Status read = file.read(); !read) return read.error();
  return file;
}

Status HoldFile::read() {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return unavailable(path_, std::strerror(errno));
  const auto size = static_cast<std::size_t>(
      std::min<off_t>(status.st_size, static_cast<off_t>(place_bytes * most_places)));
  Bytes all(size);
  std::size_t filled = 0;
  while (filled < all.size()) {
    const ssize_t count =
        ::pread(file_.get(), all.data() + filled, all.size() - filled, static_cast<off_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return unavailable(path_, "the record of holds cannot be read");
    filled += static_cast<std::size_t>(count);
  }
  end_ = 1;
  if (size < place_bytes || !std::equal(magic.begin(), magic.end(), all.begin())) {
    if (::ftruncate(file_.get(), 0) != 0) return unavailable(path_, std::strerror(errno));
    return complete_since(service::ClientId{});
  }
  complete_since_ = service::ClientId{get64(all.data() + magic.size())};
  for (std::size_t at = place_bytes; at + place_bytes <= all.size(); at += place_bytes, ++end_) {
    const auto record = record_in(ByteView(all).subspan(at, place_bytes));
    if (record && places_.emplace(record->hold.session, end_).second) {
      found_.push_back(*record);
    } else {
      free_.push_back(end_);
    }
  }
  return done();
}

Status HoldFile::write(std::size_t place, ByteView record) {
  ssize_t written = 0;
  do {
    written = ::pwrite(file_.get(), record.data(), record.size(), static_cast<off_t>(place * place_bytes));
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(record.size())) return done();
  return unavailable(path_, std::string("a hold cannot be recorded: ") +
                                (written < 0 ? std::strerror(errno) : "no space is left"));
}

Status HoldFile::complete_since(service::ClientId registration) {
  Bytes head(place_bytes);
  std::copy(magic.begin(), magic.end(), head.begin());
  put64(head.data() + magic.size(), registration.value);
  if (Status written = write(0, head); !written) return written;
  complete_since_ = registration;
  return done();
}

Status HoldFile::keep(const KeptHold& hold) {
  const auto found = places_.find(hold.hold.session);
  if (found == places_.end() && free_.empty() && end_ >= most_places)
    return unavailable(path_, "too many holds are recorded");
  const std::size_t place = found != places_.end() ? found->second : free_.empty() ? end_ : free_.back();
  if (Status written = write(place, place_of(hold)); !written) return written;
  if (found != places_.end()) return done();
  if (free_.empty()) {
    ++end_;
  } else {
    free_.pop_back();
  }
  places_.emplace(hold.hold.session, place);
  return done();
}

void HoldFile::forget(SessionId session) {
  const auto found = places_.find(session);
  if (found == places_.end()) return;
  // What cannot be erased stays: its holders are found gone by the next life.
  (void)write(found->second, Bytes(head_bytes));
  free_.push_back(found->second);
  places_.erase(found);
}

}  // namespace coord::daemon
