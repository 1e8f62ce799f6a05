// SPDX-License-Identifier: MIT
#include "agreements/signing.hpp"

#include <algorithm>
#include <vector>

#include "base/base64.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "base/small_file.hpp"

namespace coord::agreements {

namespace {

constexpr std::string_view algorithm_prefix = "ed25519:";
constexpr char new_file[] = "peer-keys-tmp";
constexpr std::size_t longest_file = std::size_t{1} << 20U;
constexpr std::string_view heading =
    "# The public signing keys of the group's hosts: see dpropose(1), and `dpeers key pin`.\n";

std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Error wrong_line(std::size_t number, const char* what) {
  return {ErrorKind::data, peer_keys_file, fmt::format("line {}: {}", number, what),
          "a line is HOST, a blank, and ed25519:BASE64; `dpeers doctor` on that host shows its key"};
}

Status write_whole(Disk& disk, const std::string& text) {
  return replace_small_file(disk, peer_keys_file, coord::bytes_of(text), new_file);
}

// Of a text that can be parsed.
void remove_line(std::string& text, const std::string& host) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    if (text.compare(begin, host.size() + 1, host + ' ') == 0) {
      text.erase(begin, end - begin);
    } else {
      begin = end;
    }
  }
}

Result<std::string> read_text(Disk& disk) {
  auto text = read_small_file(disk, peer_keys_file, longest_file);
  if (!text) return text.error();
  return std::move(*text).value_or("");
}

}  // namespace

SiteNotary::SiteNotary(std::shared_ptr<const Signer> signer, const PinnedKeys& pinned, NodeId self,
                       std::string_view group, std::string_view name, Token generation,
                       const std::vector<service::DecisionSite>& sites)
    : signer_(std::move(signer)), pinned_(pinned), self_(self) {
  for (const service::DecisionSite& site : sites) sites_.push_back(site.node);
  domain_.put("coordutils agreement 1");
  if (COORD_RULE_OR(signatures_are_of_one_group, true, false)) domain_.put(group);
  if (COORD_RULE_OR(signatures_are_of_one_generation, true, false)) domain_.put(name).put(generation.value);
  // Whoever leads the group may have given each another list.
  if (COORD_RULE_OR(signatures_are_of_one_list_of_sites, false, true)) return;
  domain_.put(std::uint64_t{sites.size()});
  for (const service::DecisionSite& site : sites) domain_.put(site.node).put(site.disk);
}

consensus::Canonical SiteNotary::words(NodeId sender, ByteView content) const {
  consensus::Canonical words = domain_;
  words.put(sender).put(as_text(content));
  return words;
}

Digest SiteNotary::digest(ByteView content) const {
  return signer_->digest(content);
}

Signature SiteNotary::sign(ByteView content) const {
  return signer_->sign(words(self_, content).view());
}

// Names are the group's log: whoever has taken another one's there too has its own key under both.
bool SiteNotary::is_second_voice(NodeId signer, const PublicKey& key) const {
  for (const NodeId site : sites_) {
    if (site == signer) return false;
    const auto other = pinned_.find(site);
    if (other != pinned_.end() && other->second == key) return true;
  }
  return false;
}

bool SiteNotary::verify(NodeId signer, ByteView content, const Signature& signature) const {
  const auto key = pinned_.find(signer);
  if (key == pinned_.end()) return false;
  if (COORD_RULE_OR(one_key_is_one_voice, is_second_voice(signer, key->second), false)) return false;
  return COORD_RULE(signatures_are_verified,
                    signer_->verify(key->second, words(signer, content).view(), signature));
}

std::string text_of(const PublicKey& key) {
  return fmt::format("{}{}", algorithm_prefix, base64(as_text(key)));
}

std::optional<PublicKey> key_of(std::string_view text) {
  if (!text.starts_with(algorithm_prefix)) return std::nullopt;
  const auto bytes = from_base64(text.substr(algorithm_prefix.size()));
  PublicKey key{};
  if (!bytes || bytes->size() != key.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

Result<std::map<std::string, PublicKey>> parse_peer_keys(std::string_view text) {
  std::map<std::string, PublicKey> keys;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::size_t blank = line.find(' ');
    if (blank == 0 || blank == std::string_view::npos) return wrong_line(number, "it names no key");
    const auto key = key_of(line.substr(blank + 1));
    if (!key) return wrong_line(number, "its key is none");
    if (!keys.emplace(line.substr(0, blank), *key).second)
      return wrong_line(number, "this host has a key already");
  }
  return keys;
}

Result<std::map<std::string, PublicKey>> read_peer_keys(Disk& disk) {
  const auto text = read_text(disk);
  if (!text) return text.error();
  return parse_peer_keys(*text);
}

Result<PublicKey> pin(Disk& disk, const std::string& host, const PublicKey& key, bool by_hand) {
  auto text = read_text(disk);
  if (!text) return text.error();
  const auto keys = parse_peer_keys(*text);
  if (!keys) return keys.error();
  const auto known = keys->find(host);
  const bool is_there = known != keys->end();
  if (COORD_RULE_OR(pinned_keys_are_never_replaced, is_there && !by_hand, false)) return known->second;
  if (is_there) remove_line(*text, host);
  if (text->empty()) *text = heading;
  if (text->back() != '\n') *text += '\n';
  *text += fmt::format("{} {}\n", host, text_of(key));
  if (Status written = write_whole(disk, *text); !written) return written.error();
  return key;
}

}  // namespace coord::agreements
