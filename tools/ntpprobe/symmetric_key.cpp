// SPDX-License-Identifier: MIT
#include "ntpprobe/symmetric_key.hpp"

#include <nettle/cmac.h>
#include <nettle/md5.h>
#include <nettle/memops.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <vector>

#include "base/check.hpp"
#include "base/format.hpp"
#include "cli/values.hpp"
#include "ntpprobe/small_file.hpp"

namespace coord::ntpprobe {
namespace {

constexpr std::size_t max_mac_size = 20;  // without the key id
constexpr std::size_t max_secret_size = 1024;
constexpr std::size_t max_ascii_key = 20;  // ntpsec: longer ones are hexadecimal

template <class Context, std::size_t Size>
Bytes digest(void (*init)(Context*), void (*update)(Context*, std::size_t, const std::uint8_t*),
             void (*finish)(Context*, std::size_t, std::uint8_t*), ByteView first, ByteView second) {
  Context context;
  init(&context);
  update(&context, first.size(), first.data());
  update(&context, second.size(), second.data());
  Bytes out(std::min(Size, max_mac_size));
  finish(&context, out.size(), out.data());
  return out;
}

template <class Context>
Bytes cmac(void (*set_key)(Context*, const std::uint8_t*),
           void (*update)(Context*, std::size_t, const std::uint8_t*),
           void (*finish)(Context*, std::size_t, std::uint8_t*), ByteView key, ByteView octets) {
  Context context;
  set_key(&context, key.data());
  update(&context, octets.size(), octets.data());
  Bytes out(CMAC128_DIGEST_SIZE);
  finish(&context, out.size(), out.data());
  return out;
}

std::size_t cipher_key_size(MacAlgorithm algorithm) {
  if (algorithm == MacAlgorithm::aes128_cmac) return AES128_KEY_SIZE;
  if (algorithm == MacAlgorithm::aes256_cmac) return AES256_KEY_SIZE;
  return 0;
}

std::optional<MacAlgorithm> algorithm_named(std::string_view name) {
  static constexpr std::pair<std::string_view, MacAlgorithm> names[] = {
      {"MD5", MacAlgorithm::md5},
      {"M", MacAlgorithm::md5},  // as ntpd's oldest files have it
      {"SHA1", MacAlgorithm::sha1},
      {"SHA", MacAlgorithm::sha1},
      {"SHA256", MacAlgorithm::sha256},
      {"SHA384", MacAlgorithm::sha384},
      {"SHA512", MacAlgorithm::sha512},
      {"AES128", MacAlgorithm::aes128_cmac},
      {"AES", MacAlgorithm::aes128_cmac},
      {"AES-128", MacAlgorithm::aes128_cmac},
      {"AES128CMAC", MacAlgorithm::aes128_cmac},
      {"AES256", MacAlgorithm::aes256_cmac},
      {"AES-256", MacAlgorithm::aes256_cmac},
  };
  const auto same = [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; };
  for (const auto& [known, algorithm] : names)
    if (std::equal(name.begin(), name.end(), known.begin(), known.end(), same)) return algorithm;
  return std::nullopt;
}

std::optional<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    std::uint8_t octet = 0;
    const char* end = text.data() + i + 2;
    if (std::from_chars(text.data() + i, end, octet, 16).ptr != end) return std::nullopt;
    out.push_back(octet);
  }
  return out;
}

Bytes octets_of(std::string_view text) {
  return Bytes(text.begin(), text.end());
}

// What KEY says, and whether it was written in a form that must have the cipher's exact length (chrony's).
struct Secret {
  Bytes octets;
  bool exact = false;
};

std::optional<Secret> secret_of(std::string_view word, bool typed) {
  constexpr std::string_view hex = "HEX:";
  constexpr std::string_view ascii = "ASCII:";
  if (word.starts_with(hex)) {
    auto octets = from_hex(word.substr(hex.size()));
    if (!octets) return std::nullopt;
    return Secret{std::move(*octets), true};
  }
  if (word.starts_with(ascii)) return Secret{octets_of(word.substr(ascii.size())), true};
  if (typed) word = word.substr(0, word.find('#'));  // a comment to ntpsec, which has no such prefixes
  if (word.size() > max_ascii_key)
    if (auto octets = from_hex(word)) return Secret{std::move(*octets), false};
  return Secret{octets_of(word), false};
}

// Words up to a comment: `#` after a blank, or one of chrony's comment signs at the start of the line.
std::vector<std::string_view> words_of_key_line(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  std::vector<std::string_view> words;
  std::size_t at = line.find_first_not_of(blanks);
  if (at == std::string_view::npos || std::string_view("#!;%").find(line[at]) != std::string_view::npos)
    return words;
  while (at != std::string_view::npos && line[at] != '#') {
    const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(blanks, end);
  }
  return words;
}

Result<SymmetricKey> key_from(const std::vector<std::string_view>& words, std::uint32_t id,
                              const std::string& where) {
  const auto bad = [&](std::string what, std::string remedy) {
    return Error{ErrorKind::data, where, std::move(what), std::move(remedy)};
  };
  if (words.size() < 2) return bad("no key behind the number", "write ID TYPE KEY");
  const bool typed = words.size() > 2;
  const auto algorithm = typed ? algorithm_named(words[1]) : MacAlgorithm::md5;
  if (!algorithm)
    return bad(fmt::format("type {} is not known here", words[1].substr(0, 40)),
               "use AES128, AES256, SHA1, SHA256, SHA384, SHA512 or MD5");
  auto secret = secret_of(words[typed ? 2 : 1], typed);
  if (!secret) return bad("the key is not hexadecimal", "write an even number of digits 0-9 a-f after HEX:");
  if (secret->octets.empty() || secret->octets.size() > max_secret_size)
    return bad("the key is empty or too long", "give it 1 to 1024 octets");
  if (const std::size_t size = cipher_key_size(*algorithm); size > 0 && secret->octets.size() != size) {
    if (secret->exact)
      return bad(fmt::format("the key has {} bits", secret->octets.size() * 8),
                 fmt::format("its type takes {}", size * 8));
    secret->octets.resize(size, 0);
  }
  return SymmetricKey(id, *algorithm, std::move(secret->octets));
}

}  // namespace

SymmetricKey::SymmetricKey(std::uint32_t id, MacAlgorithm algorithm, Bytes secret)
    : id_(id), algorithm_(algorithm), secret_(std::move(secret)) {
  const std::size_t size = cipher_key_size(algorithm_);
  COORD_CHECK(size == 0 || secret_.size() == size);
}

Bytes SymmetricKey::mac(ByteView octets) const {
  switch (algorithm_) {
    case MacAlgorithm::md5:
      return digest<md5_ctx, MD5_DIGEST_SIZE>(md5_init, md5_update, md5_digest, secret_, octets);
    case MacAlgorithm::sha1:
      return digest<sha1_ctx, SHA1_DIGEST_SIZE>(sha1_init, sha1_update, sha1_digest, secret_, octets);
    case MacAlgorithm::sha256:
      return digest<sha256_ctx, SHA256_DIGEST_SIZE>(sha256_init, sha256_update, sha256_digest, secret_,
                                                    octets);
    case MacAlgorithm::sha384:
      return digest<sha512_ctx, SHA384_DIGEST_SIZE>(sha384_init, sha512_update, sha384_digest, secret_,
                                                    octets);
    case MacAlgorithm::sha512:
      return digest<sha512_ctx, SHA512_DIGEST_SIZE>(sha512_init, sha512_update, sha512_digest, secret_,
                                                    octets);
    case MacAlgorithm::aes128_cmac:
      return cmac<cmac_aes128_ctx>(cmac_aes128_set_key, cmac_aes128_update, cmac_aes128_digest, secret_,
                                   octets);
    case MacAlgorithm::aes256_cmac:
      return cmac<cmac_aes256_ctx>(cmac_aes256_set_key, cmac_aes256_update, cmac_aes256_digest, secret_,
                                   octets);
  }
  return {};
}

Bytes SymmetricKey::mac_field(ByteView octets) const {
  Bytes field;
  for (int shift = 24; shift >= 0; shift -= 8)
    field.push_back(static_cast<std::uint8_t>(id_ >> static_cast<unsigned>(shift)));
  const Bytes code = mac(octets);
  field.insert(field.end(), code.begin(), code.end());
  return field;
}

bool SymmetricKey::verifies(ByteView octets, ByteView given) const {
  const Bytes expected = mac(octets);
  return given.size() == expected.size() && memeql_sec(given.data(), expected.data(), expected.size()) != 0;
}

Result<SymmetricKey> find_key(std::string_view file_text, std::uint32_t id, const std::string& file_name) {
  std::size_t number = 0;
  while (!file_text.empty()) {
    const std::size_t end = std::min(file_text.find('\n'), file_text.size());
    const auto words = words_of_key_line(file_text.substr(0, end));
    file_text.remove_prefix(std::min(end + 1, file_text.size()));
    ++number;
    if (words.empty()) continue;
    const auto found = cli::read_integer(words[0], {1, 0xffffffff});
    const std::string where = fmt::format("{}:{}", file_name, number);
    if (!found)
      return Error{ErrorKind::data, where, "no key number at the start of the line", "write ID TYPE KEY"};
    if (*found == id) return key_from(words, id, where);
  }
  return Error{ErrorKind::data, file_name, fmt::format("there is no key {}", id),
               "give --key a number from the file"};
}

Result<SymmetricKey> read_key(const std::string& file_name, std::uint32_t id) {
  const auto text = read_small_file(file_name);
  if (!text) return text.error();
  return find_key(*text, id, file_name);
}

}  // namespace coord::ntpprobe
