// SPDX-License-Identifier: MIT
// Signers for tests, and whoever has the cluster's key and no other: he opens links under any name, and says
// what he likes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "agreements_group.hpp"
#include "classical/toy_notary.hpp"
#include "protocol/channel/channel.hpp"
#include "protocol/consensus/pbft_messages.hpp"

namespace coord::agreements::test {

// Nobody forges what he does not ask another one's signer for.
class ToySigner final : public Signer {
 public:
  explicit ToySigner(std::uint64_t number) : number_(number) {}
  PublicKey own() const override {
    PublicKey key{};
    for (std::size_t i = 0; i < 8; ++i) key[i] = static_cast<std::uint8_t>(number_ >> (8 * i));
    return key;
  }
  Signature sign(ByteView content) const override { return toy(number_).sign(content); }
  bool verify(const PublicKey& key, ByteView content, const Signature& signature) const override {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 8; ++i) number |= std::uint64_t{key[i]} << (8 * i);
    return toy(number).verify(NodeId{number}, content, signature);
  }
  Digest digest(ByteView content) const override { return toy(0).digest(content); }

 private:
  static classical::ToyNotary toy(std::uint64_t number) { return {NodeId{number}, 99}; }
  std::uint64_t number_;
};

inline Keys toy_keys(NodeId node) {
  return {std::make_shared<ToySigner>(node.value), {}};
}

// In the place of one node of a network, under its name; whether with its key too is the test's affair.
class Liar {
 public:
  Liar(Network& net, NodeId as) : net_(net), as_(as) {
    net_.cut.erase(as);
    net_.parts.erase(as);
    net_.work.erase(as);
    net_.taken_over[as] = [this](const Network::Carried& what) { hear(what); };
    for (std::uint64_t i = 1; i <= net_.size; ++i) {
      if (NodeId{i} != as) carry(NodeId{i}, Hello{life_, net_.shelves.at(as).disk, true, {}});
    }
  }
  ~Liar() { net_.taken_over.erase(as_); }
  Liar(const Liar&) = delete;
  Liar& operator=(const Liar&) = delete;

  void say(NodeId to, const AnyItem& what) {
    const auto found = channels_.find(to);
    if (found == channels_.end()) return waiting_[to].push_back(wire::encode(what, 2));
    found->second.offer(wire::encode(what, 2));
    poll();
  }
  // A message of PBFT, signed as if by the key of this number for the name that is decided now.
  void say(NodeId to, const consensus::pbft::Message& message, std::uint64_t with_key,
           std::string_view of_name = "plan") {
    Item item{.generation = generation, .depth = 1, .message = wire::encode(message)};
    const auto words = std::move(consensus::Canonical().put("item").put(text(item.message)));
    const Signature signature = notary(with_key, of_name).sign(words.view());
    item.signature = {signature.bytes.begin(), signature.bytes.end()};
    say(to, AnyItem(item));
  }
  // That this is decided, without a proof: signed with his own key, as if the value were `signed_value`.
  void say_decided(NodeId to, const std::string& value, const std::string& signed_value) {
    TellDecided lie;
    lie.generation = generation;
    lie.begun = lie.decided = true;
    lie.value = value;
    const SiteNotary own = notary(as_.value);
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(signed_value.data());
    const Digest digest = own.digest({bytes, signed_value.size()});
    const Signature signature = own.sign(told_words(lie, digest, to).view());
    lie.signature = {signature.bytes.begin(), signature.bytes.end()};
    say(to, AnyItem(lie));
  }
  SiteNotary notary(std::uint64_t with_key, std::string_view of_name = "plan") const {
    return {std::make_shared<ToySigner>(with_key), no_pins_, as_, group, of_name, generation, listed()};
  }
  SiteNotary notary_of(NodeId node) const {  // who has signed something that is handed on
    return {std::make_shared<ToySigner>(node.value), no_pins_, node, group, "plan", generation, listed()};
  }
  std::vector<AnyItem> heard;                // of all
  std::map<NodeId, std::uint64_t> lives;     // of whom it has heard
  std::vector<service::DecisionSite> sites;  // as he says; none: as they are
  std::string group = "this group";          // as he says

 private:
  std::vector<service::DecisionSite> listed() const {
    return sites.empty() ? net_.log.at(as_).known->sites : sites;
  }
  static std::string_view text(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  void carry(NodeId to, const ToPeer& what) { net_.on_way.push_back({as_, to, wire::encode(what, 2)}); }
  void hear(const Network::Carried& what) {
    const auto said = wire::decode<ToPeer>(what.bytes);
    if (const auto* hello = std::get_if<Hello>(&*said)) {
      lives[what.from] = hello->life;
      if (channels_.contains(what.from)) return;
      channels_.emplace(what.from, channel::Channel(life_, hello->life));
      for (const Bytes& bytes : waiting_[what.from]) channels_.at(what.from).offer(bytes);
    } else if (const auto* packet = std::get_if<Packet>(&*said)) {
      const auto found = channels_.find(what.from);
      const auto message = channel::decode(packet->bytes);
      if (found == channels_.end() || !message) return;
      found->second.receive(net_.now, *message);
      while (const Bytes* const front = found->second.front()) {
        heard.push_back(*wire::decode<AnyItem>(*front));
        found->second.done(found->second.take());
      }
    }
    poll();
  }
  void poll() {
    for (auto& [node, channel] : channels_) {
      for (const channel::Message& message : channel.poll(net_.now))
        carry(node, Packet{channel::encode(message)});
    }
  }

  Network& net_;
  NodeId as_;
  std::uint64_t life_ = 0x11a5;
  PinnedKeys no_pins_;
  std::map<NodeId, channel::Channel> channels_;
  std::map<NodeId, std::vector<Bytes>> waiting_;
};

inline const NodeId one{1}, two{2}, three{3}, four{4};

struct Four : Network {
  Four() : Network(4, toy_keys) {
    run(std::chrono::seconds(1));  // keys are shown
    found();
    open(service::Agreement::pbft, 4);
  }
  std::string all_say(std::initializer_list<std::uint64_t> nodes) {
    std::set<std::string> said;
    for (const std::uint64_t node : nodes) said.insert(last_told(node));
    return said.size() == 1 ? *said.begin() : "different";
  }
};

inline consensus::pbft::Request request(const SiteNotary& notary, NodeId client, std::string value,
                                        std::uint64_t timestamp = 1) {
  consensus::pbft::Request made{client, timestamp, std::move(value), {}};
  made.signature = notary.sign(made.words().view());
  return made;
}
inline consensus::pbft::PrePrepare pre_prepare(const SiteNotary& notary,
                                               const consensus::pbft::Request& what) {
  consensus::pbft::PrePrepare made{0, 1, notary.digest(what.words().view()), what, {}};
  made.signature = notary.sign(consensus::pbft::pre_prepare_words(0, 1, made.digest).view());
  return made;
}
inline consensus::pbft::Prepare prepare(const SiteNotary& notary, const Digest& digest) {
  return {0, 1, digest, notary.sign(consensus::pbft::prepare_words(0, 1, digest).view())};
}
inline consensus::pbft::Commit commit(const SiteNotary& notary, const Digest& digest) {
  return {0, 1, digest, notary.sign(consensus::pbft::commit_words(0, 1, digest).view())};
}

}  // namespace coord::agreements::test
