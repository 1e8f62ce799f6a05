// SPDX-License-Identifier: MIT
// What a Byzantine replica of PBFT says instead of the truth. It signs for itself and for nobody else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/random.hpp"
#include "classical/toy_notary.hpp"
#include "protocol/consensus/pbft.hpp"

namespace coord::catalogue {

class PbftLiar {
 public:
  // silent: says nothing. equivocating: as a primary, gives some replicas another request for the same place,
  // and votes for whichever each of them was given. lying: alters results, and has prepared nothing when it
  // asks for a view. forging: shows certificates that nobody signed, and begins views with what it likes.
  PbftLiar(std::string kind, const classical::ToyNotary& notary, std::uint64_t seed)
      : kind_(std::move(kind)), notary_(notary), random_(seed) {}

  void saw(const consensus::pbft::Request& request) {
    if (request.nothing()) return;
    if (last_ && (last_->client != request.client || last_->timestamp != request.timestamp)) other_ = last_;
    last_ = request;
  }

  std::optional<consensus::pbft::Message> says(NodeId to, consensus::pbft::Message message) {
    if (kind_ == "silent") return std::nullopt;
    std::visit([&](auto& what) { alter(to, what); }, message);
    return message;
  }

 private:
  using Request = consensus::pbft::Request;

  template <class Other>
  void alter(NodeId, Other&) {}

  void alter(NodeId to, consensus::pbft::PrePrepare& m) {
    if (kind_ != "equivocating" || !other_) return;
    if (to.value % 2 == 0) {
      m.request = *other_;
      m.digest = notary_.digest(m.request.words().view());
      m.signature = notary_.sign(consensus::pbft::pre_prepare_words(m.view, m.sequence, m.digest).view());
    }
    given_[{to, m.view, m.sequence}] = m.digest;
  }
  void alter(NodeId to, consensus::pbft::Commit& m) {
    const auto given = given_.find({to, m.view, m.sequence});
    if (given != given_.end()) m.digest = given->second;
  }
  void alter(NodeId, consensus::pbft::Reply& m) {
    if (kind_ == "lying") m.result = "0:a lie";
  }
  void alter(NodeId, consensus::pbft::ViewChange& m) {
    if (kind_ == "lying" || kind_ == "equivocating") m.prepared.clear();
    if (kind_ == "forging" && last_) forge_certificate(m);
    m.signature = notary_.sign(m.words().view());
  }
  // As if what it likes had been prepared just now.
  void forge_certificate(consensus::pbft::ViewChange& m) {
    consensus::pbft::PreparedProof proof;
    proof.view = m.view - 1;
    proof.sequence = m.stable.sequence + 1;
    proof.request = other_ && random_.chance(0.5) ? *other_ : *last_;
    proof.digest = notary_.digest(proof.request.words().view());
    for (std::uint64_t i = 1; i <= 3; ++i) proof.prepares[NodeId{i}] = {};
    if (!m.prepared.empty() && m.prepared.front().sequence == proof.sequence) {
      m.prepared.front() = proof;
    } else {
      m.prepared.insert(m.prepared.begin(), proof);
    }
  }
  void alter(NodeId, consensus::pbft::NewView& m) {
    if (kind_ != "forging" || m.pre_prepares.empty()) return;
    forge_proposals(m);
    m.signature = notary_.sign(m.words().view());
  }
  void forge_proposals(consensus::pbft::NewView& m) {
    if (random_.chance(0.5)) return m.pre_prepares.clear();
    for (auto& proposal : m.pre_prepares) {
      proposal.request = last_ ? *last_ : Request{};
      proposal.digest = notary_.digest(proposal.request.words().view());
      const auto words =
          consensus::pbft::pre_prepare_words(proposal.view, proposal.sequence, proposal.digest);
      proposal.signature = notary_.sign(words.view());
    }
  }

  std::string kind_;
  const classical::ToyNotary& notary_;
  Random random_;
  std::optional<Request> last_, other_;  // two different requests that clients really made
  std::map<std::tuple<NodeId, std::uint64_t, std::uint64_t>, consensus::Digest> given_;
};

}  // namespace coord::catalogue
