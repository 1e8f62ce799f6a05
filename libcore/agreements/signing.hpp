// SPDX-License-Identifier: MIT
// Who says what, where sites may lie: signatures, and whose key is whose.
//
// Problem: whoever has the cluster's key can open a link under any name. An algorithm that withstands liars
// must not believe a link. Why the group's log cannot say whose key is whose: its leader may lie. So each
// peer has a key of its own, and each has the others' public keys in a file of its own: those of the founders
// are written there while the group is founded, and all is done by hand from then on. Every message is signed
// over the group, the name, its generation, the list of its sites and the sender, and its own bytes, with the
// view in them: one of another decision is none of this one, whoever brings it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agreements/peer_messages.hpp"
#include "base/bytes.hpp"
#include "base/disk.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "node/part.hpp"
#include "protocol/consensus/notary.hpp"
#include "service/decision_site.hpp"

namespace coord::agreements {

using PublicKey = std::array<std::uint8_t, 32>;  // Ed25519
using consensus::Digest;
using consensus::Signature;

class Signer {
 public:
  Signer() = default;
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;
  virtual ~Signer() = default;
  virtual PublicKey own() const = 0;
  virtual Signature sign(ByteView content) const = 0;
  virtual bool verify(const PublicKey& key, ByteView content, const Signature& signature) const = 0;
  virtual Digest digest(ByteView content) const = 0;
};

// As the disk has them.
struct Keys {
  std::shared_ptr<const Signer> signer{};  // null: this peer has no key that can be read, and signs nothing
  std::map<std::string, PublicKey> pinned{};  // by host
};

// What a site signs that tells whether it is decided: `value` is of what it says.
consensus::Canonical told_words(const TellDecided& what, const Digest& value, NodeId asked_by);

using PinnedKeys = std::map<NodeId, PublicKey>;

// Signatures of one generation of a name, as one of the group's nodes.
class SiteNotary final : public consensus::Notary {
 public:
  SiteNotary(std::shared_ptr<const Signer> signer, const PinnedKeys& pinned, NodeId self,
             std::string_view group, std::string_view name, Token generation,
             const std::vector<service::DecisionSite>& sites);

  Digest digest(ByteView content) const override;
  Signature sign(ByteView content) const override;
  bool verify(NodeId signer, ByteView content, const Signature& signature) const override;

 private:
  consensus::Canonical words(NodeId sender, ByteView content) const;
  bool is_second_voice(NodeId signer, const PublicKey& key) const;

  std::shared_ptr<const Signer> signer_;
  const PinnedKeys& pinned_;
  const NodeId self_;
  std::vector<NodeId> sites_{};
  consensus::Canonical domain_;
};

// "ed25519:" and base64, as it stands in files and is shown.
std::string text_of(const PublicKey& key);
std::optional<PublicKey> key_of(std::string_view text);

// ---- the file of pinned keys: lines `HOST ed25519:BASE64`; `#` begins a comment

inline constexpr char peer_keys_file[] = "peer-keys";
Result<std::map<std::string, PublicKey>> parse_peer_keys(std::string_view text);
Result<std::map<std::string, PublicKey>> read_peer_keys(Disk& disk);  // none: empty
// This host has this key from now on, if it has none there, or by hand: which one it has.
Result<PublicKey> pin(Disk& disk, const std::string& host, const PublicKey& key, bool by_hand = false);

struct Pin final : node::Work {
  NodeId node{};
  std::string host;
  PublicKey key{};  // in the end the one that is pinned
  bool by_hand = false;
  Status outcome = done();
};

}  // namespace coord::agreements
