// SPDX-License-Identifier: MIT
// What replicas and clients of PBFT say to each other (pbft.hpp), what of it is signed: whatever is shown to
// a third party later, and what a replica stores. Replies are not signed; for them it is enough that whoever
// drives the protocol knows who speaks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/consensus/notary.hpp"
#include "protocol/consensus/types.hpp"

namespace coord::consensus::pbft {

using View = std::uint64_t;
using Sequence = std::uint64_t;  // the place of a request in the order, from 1
using Signatures = std::map<NodeId, Signature>;

struct Request {
  NodeId client;                // 0: does nothing; fills a place in a new view
  std::uint64_t timestamp = 0;  // the client's count of its requests, from 1
  Value operation;
  Signature signature;  // the client's
  bool nothing() const { return client.value == 0; }
  Canonical words() const { return Canonical().put("request").put(client).put(timestamp).put(operation); }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(client, timestamp, operation, signature);
  }
};

inline Canonical pre_prepare_words(View view, Sequence sequence, const Digest& digest) {
  return Canonical().put("pre-prepare").put(view).put(sequence).put(digest);
}
inline Canonical prepare_words(View view, Sequence sequence, const Digest& digest) {
  return Canonical().put("prepare").put(view).put(sequence).put(digest);
}
inline Canonical commit_words(View view, Sequence sequence, const Digest& digest) {
  return Canonical().put("commit").put(view).put(sequence).put(digest);
}
inline Canonical checkpoint_words(Sequence sequence, const Digest& digest) {
  return Canonical().put("checkpoint").put(sequence).put(digest);
}

struct PrePrepare {
  View view = 0;
  Sequence sequence = 0;
  Digest digest;  // of the request
  Request request;
  Signature signature;  // the primary's
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, sequence, digest, request, signature);
  }
};
struct Prepare {
  View view = 0;
  Sequence sequence = 0;
  Digest digest;
  Signature signature;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, sequence, digest, signature);
  }
};
struct Commit {
  View view = 0;
  Sequence sequence = 0;
  Digest digest;
  Signature signature;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, sequence, digest, signature);
  }
};
struct Committed {  // this request has this place for ever: 2f+1 replicas said commit in that view
  View view = 0;
  Sequence sequence = 0;
  Digest digest;
  Request request;
  Signatures commits;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, sequence, digest, request, commits);
  }
};
struct Reply {
  View view = 0;
  std::uint64_t timestamp = 0;
  Value result;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, timestamp, result);
  }
};

// ---- checkpoints

// What all replicas compute: how many requests were executed, in which order, and each client's last answer.
struct State {
  struct Client {
    std::uint64_t timestamp = 0;
    Value result;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(timestamp, result);
    }
  };
  Sequence sequence = 0;
  std::uint64_t executed = 0;
  Digest history;
  std::map<NodeId, Client> clients;
  Canonical words() const {
    Canonical all;
    all.put("state").put(sequence).put(executed).put(history);
    for (const auto& [client, last] : clients) all.put(client).put(last.timestamp).put(last.result);
    return all;
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sequence, executed, history, clients);
  }
};
struct Checkpoint {
  Sequence sequence = 0;
  Digest digest;  // of the state after it
  Signature signature;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sequence, digest, signature);
  }
};
struct StableProof {  // 2f+1 replicas have this state; sequence 0 needs no proof
  Sequence sequence = 0;
  Digest digest;
  Signatures signatures;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sequence, digest, signatures);
  }
};
struct FetchState {
  Sequence at_least = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(at_least);
  }
};
struct StateIs {
  StableProof proof;
  State state;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(proof, state);
  }
};

// ---- view changes

struct PreparedProof {  // pre-prepared by that view's primary and prepared by 2f others
  View view = 0;
  Sequence sequence = 0;
  Digest digest;
  Request request;  // in a NewView left out: what of it counts is among the pre-prepares
  Signature pre_prepare;
  Signatures prepares;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, sequence, digest, request, pre_prepare, prepares);
  }
};
struct ViewChange {
  View view = 0;  // that it wants to go to
  StableProof stable;
  std::vector<PreparedProof> prepared;  // after stable, one for each place
  Signature signature;
  Canonical words() const {
    Canonical all;
    all.put("view-change").put(view).put(stable.sequence).put(stable.digest);
    for (const auto& proof : prepared) all.put(proof.view).put(proof.sequence).put(proof.digest);
    return all;
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, stable, prepared, signature);
  }
};
struct NewView {
  View view = 0;
  std::map<NodeId, ViewChange> reasons;  // of 2f+1
  std::vector<PrePrepare> pre_prepares;  // what follows from the reasons: everybody can check it
  Signature signature;                   // the primary's: so that anybody can hand it on
  Canonical words() const {
    Canonical all;
    all.put("new-view").put(view);
    for (const auto& [node, demand] : reasons) {
      all.put(node).put(demand.view).put(demand.stable.sequence).put(demand.stable.digest);
      for (const auto& proof : demand.prepared) all.put(proof.view).put(proof.sequence).put(proof.digest);
    }
    for (const auto& proposal : pre_prepares) all.put(proposal.sequence).put(proposal.digest);
    return all;
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, reasons, pre_prepares, signature);
  }
};

using Message = std::variant<Request, PrePrepare, Prepare, Commit, Reply, Checkpoint, FetchState, StateIs,
                             ViewChange, NewView, Committed>;
std::string text(const Message& message);

// ---- what a replica stores, before it says anything that follows from it

struct PersistView {  // all that it has said of earlier views is over
  View view = 0;
  bool active = true;
  std::optional<NewView> begun;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, active, begun);
  }
};
struct PersistPlace {
  Sequence sequence = 0;
  std::uint64_t key = 0;               // an earlier place with the same one is forgotten by now
  std::optional<PrePrepare> accepted;  // in the latest view: it has said prepare, or is the primary
  std::optional<PreparedProof> proof;  // of the highest view
  std::optional<Committed> committed;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sequence, key, accepted, proof, committed);
  }
};
struct PersistState {  // at checkpoints; what was executed after the last one is executed again
  StableProof stable;
  std::map<Sequence, State> snapshots;
  std::map<Sequence, Checkpoint> checkpoints;  // its own, not stable yet
  template <class Archive>
  void serialize(Archive& archive) {
    archive(stable, snapshots, checkpoints);
  }
};
struct Durable {
  PersistView view;
  PersistState state;
  std::map<std::uint64_t, PersistPlace> places;  // by key
};

}  // namespace coord::consensus::pbft
