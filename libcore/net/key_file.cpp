// SPDX-License-Identifier: MIT
#include "net/key_file.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/check.hpp"
#include "base/descriptor.hpp"
#include "base/format.hpp"

namespace coord::net {
namespace {

constexpr std::size_t largest_file = std::size_t{64} << 10U;
constexpr const char* too_large = "name the file that coordd --keygen made";
constexpr std::size_t most_keys = 16;  // a rotation needs two

void start_sodium() {
  COORD_CHECK(sodium_init() >= 0);
}

// A secret text that is wiped when it goes.
struct SecretText {
  std::string text;
  ~SecretText() { sodium_memzero(text.data(), text.size()); }
};

bool valid_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= 32 && std::all_of(id.begin(), id.end(), allowed);
}

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

Result<ClusterKey> parse_line(std::string_view line, const std::string& place) {
  const auto bad = [&](const char* what, const char* remedy) -> Error {
    return {ErrorKind::unavailable, place, what, remedy};
  };
  constexpr const char* make_one = "coordd --keygen makes a right one";
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bad("not a line id:base64", make_one);
  ClusterKey key;
  key.id = line.substr(0, colon);
  if (!valid_id(key.id))
    return bad("a key's id is 1 to 32 letters, digits, `.`, `_` or `-`", "rename it on every host");
  const std::string_view text = line.substr(colon + 1);
  std::size_t size = 0;
  SecretKey secret;
  const char* end = nullptr;
  if (sodium_base642bin(secret.data(), key_size, text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size() || size != key_size)
    return bad("the key is not 32 bytes in base64", make_one);
  if (sodium_is_zero(secret.data(), key_size) == 1) return bad("the key is all zeros", make_one);
  key.key = secret;
  return key;
}

// A line that is no key makes it another file, which is not to be closed to those who read it.
bool is_for_keys(const Descriptor& file) {
  start_sodium();
  SecretText secret;
  secret.text.resize(largest_file);
  const ssize_t count = ::pread(file.get(), secret.text.data(), secret.text.size(), 0);
  for (std::string_view text(secret.text.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
       !text.empty();) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!line.empty() && !line.starts_with('#') && !parse_line(line, "")) return false;
  }
  return true;
}

// The key file, open, if it passes every check but that of its content.
Result<Descriptor> open_checked(const std::string& path) {
  const auto bad = [&](std::string what, std::string remedy) -> Error {
    return {ErrorKind::unavailable, path, std::move(what), std::move(remedy)};
  };
  // O_NONBLOCK: a FIFO put in the file's place must not hang the peer.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file.is_open() && errno == ELOOP) return bad("it is a symbolic link", "name the key file itself");
  if (!file.is_open() && errno == ENOENT)
    return bad("no such file", "make one with coordd --keygen and copy it to every host");
  if (!file.is_open())
    return bad(std::string("cannot open it: ") + std::strerror(errno),
               errno == EACCES ? "give it, and the way to it, to the user that runs coordd"
                               : "look at the file and its disk");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0)
    return bad(std::string("cannot look at it: ") + std::strerror(errno), "");
  if (!S_ISREG(info.st_mode)) return bad("it is not a regular file", "name the key file itself");
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return bad("it belongs to another user", "give it to the user that runs coordd, or to root");
  if ((info.st_mode & 077U) != 0 && !is_for_keys(file)) return bad("it is no key file", too_large);
  if ((info.st_mode & 077U) != 0)
    return bad("others may read or write it", fmt::format("chmod 600 {}", path));
  if (static_cast<std::size_t>(info.st_size) > largest_file)
    return bad("it is too large for a key file", too_large);
  return file;
}

std::string base64_of(const SecretKey& key) {
  std::string text(sodium_base64_ENCODED_LEN(key_size, sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), key.data(), key_size, sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();
  return text;
}

}  // namespace

SecretKey::SecretKey(ByteView bytes) {
  COORD_CHECK(bytes.size() == key_size);
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

SecretKey::~SecretKey() {
  sodium_memzero(bytes_.data(), bytes_.size());
}

bool SecretKey::operator==(const SecretKey& other) const {
  return sodium_memcmp(bytes_.data(), other.bytes_.data(), key_size) == 0;
}

KeyRing::KeyRing(std::vector<ClusterKey> keys) : keys_(std::move(keys)) {
  COORD_CHECK(!keys_.empty());
}

const ClusterKey* KeyRing::find(std::string_view id) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const ClusterKey& key) { return key.id == id; });
  return found == keys_.end() ? nullptr : &*found;
}

Result<KeyRing> parse_keys(std::string_view text, const std::string& object) {
  start_sodium();
  std::vector<ClusterKey> keys;
  std::set<std::string> ids;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::string place = fmt::format("{}:{}", object, number);
    auto key = parse_line(line, place);
    if (!key.ok()) return key.error();
    if (!ids.insert(key->id).second)
      return Error{ErrorKind::unavailable, place, "this key id is there twice", "rename one on every host"};
    if (keys.size() == most_keys)
      return Error{ErrorKind::unavailable, place, "more than 16 keys", "drop the old ones"};
    keys.push_back(std::move(key).value());
  }
  if (keys.empty())
    return Error{ErrorKind::unavailable, object, "no key in it", "make one with coordd --keygen"};
  return KeyRing(std::move(keys));
}

Result<KeyRing> read_key_file(const std::string& path) {
  const auto file = open_checked(path);
  if (!file.ok()) return file.error();
  SecretText content;
  content.text.resize(largest_file + 1);
  std::size_t size = 0;
  while (size < content.text.size()) {
    const ssize_t n = ::read(file->get(), content.text.data() + size, content.text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return Error{ErrorKind::unavailable, path, std::string("cannot read it: ") + std::strerror(errno), ""};
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > largest_file)
    return Error{ErrorKind::unavailable, path, "it is too large for a key file", too_large};
  return parse_keys(std::string_view(content.text).substr(0, size), path);
}

std::string new_key_line() {
  start_sodium();
  std::array<std::uint8_t, 4> id{};
  randombytes_buf(id.data(), id.size());
  std::string id_text(2 * id.size() + 1, '\0');
  sodium_bin2hex(id_text.data(), id_text.size(), id.data(), id.size());
  id_text.pop_back();
  SecretKey key;
  randombytes_buf(key.data(), key_size);
  return fmt::format("k{}:{}", id_text, base64_of(key));
}

std::string lines_of(const KeyRing& ring) {
  std::string text;
  for (const ClusterKey& key : ring.keys()) {
    SecretText secret{base64_of(key.key)};
    text.append(key.id).append(":").append(secret.text).append("\n");
  }
  return text;
}

void wipe(std::string& text) {
  sodium_memzero(text.data(), text.size());
}

std::uint64_t print_of(const ClusterKey& key) {
  start_sodium();
  constexpr std::string_view purpose = "coordutils key print";
  std::array<std::uint8_t, 16> hash{};
  const ByteView input = bytes_of(purpose);
  crypto_generichash(hash.data(), hash.size(), input.data(), input.size(), key.key.data(), key_size);
  std::uint64_t print = 0;
  for (std::size_t i = 0; i < sizeof print; ++i) print = print << 8U | hash[i];
  return print;
}

}  // namespace coord::net
