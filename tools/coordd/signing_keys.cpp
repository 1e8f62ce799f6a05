// SPDX-License-Identifier: MIT
#include "coordd/signing_keys.hpp"

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/base64.hpp"
#include "base/format.hpp"
#include "base/small_file.hpp"
#include "net/ed25519.hpp"
#include "net/key_file.hpp"
#include "store/posix_disk.hpp"

namespace coord::coordd {

namespace {

constexpr char key_file[] = "signing-key";
constexpr char new_file[] = "signing-key-tmp";
constexpr char algorithm[] = "ed25519";

class Ed25519Signer final : public agreements::Signer {
 public:
  explicit Ed25519Signer(net::Ed25519Key key) : key_(std::move(key)) {}
  agreements::PublicKey own() const override { return key_.public_key(); }
  agreements::Signature sign(ByteView content) const override { return {key_.sign(content)}; }
  bool verify(const agreements::PublicKey& key, ByteView content,
              const agreements::Signature& signature) const override {
    return net::verify_ed25519(key, content, signature.bytes);
  }
  agreements::Digest digest(ByteView content) const override { return {net::sha256(content)}; }

 private:
  net::Ed25519Key key_;
};

// `id:base64` as the cluster's keys are, of which only the id is another.
std::string drawn_line() {
  std::string drawn = net::new_key_line();
  std::string line = fmt::format("{}{}", algorithm, drawn.substr(drawn.find(':')));
  net::wipe(drawn);
  if (line.back() != '\n') line += '\n';
  return line;
}

Status make_key(Disk& disk) {
  std::string line = drawn_line();
  Status written = replace_small_file(disk, key_file, bytes_of(line), new_file);
  net::wipe(line);
  return written;
}

Result<agreements::Keys> read_keys(const std::string& directory) {
  auto disk = store::PosixDisk::open_directory(directory);
  if (!disk) return disk.error();
  const auto is_there = has_file(**disk, key_file);
  if (!is_there) return is_there.error();
  if (!*is_there) {
    if (Status made = make_key(**disk); !made) return made.error();
  }
  const std::string path = fmt::format("{}/{}", directory, key_file);
  const auto ring = net::read_key_file(path);
  if (!ring) return ring.error();
  if (ring->sending().id != algorithm)
    return Error{ErrorKind::data, path, "it is no key to sign by", "remove it: another one is drawn then"};
  auto pinned = agreements::read_peer_keys(**disk);
  if (!pinned) return pinned.error();
  agreements::Keys keys;
  keys.signer = std::make_shared<Ed25519Signer>(net::Ed25519Key(ring->sending().key));
  keys.pinned = std::move(*pinned);
  return keys;
}

}  // namespace

agreements::Keys stored_keys(const std::string& directory, const net::Log& log) {
  auto keys = read_keys(directory);
  if (keys) return std::move(*keys);
  log(net::LogLevel::warning, fmt::format("signing: {}", keys.error().text()));
  return {};
}

}  // namespace coord::coordd
