// SPDX-License-Identifier: MIT
// PBFT: each node is a replica and the client of its own user.
#pragma once

#include <algorithm>
#include <array>
#include <string>

#include "classical/traits.hpp"
#include "protocol/consensus/pbft.hpp"

namespace coord::classical {

// Messages to itself are sent like all others; whoever drives it brings them back. What its user asks for its
// own replica knows from the start: a primary that leaves this node out is not waited for, however many
// others have answered.
class PbftNode : public Shape<PbftNode> {
 public:
  using Message = consensus::pbft::Message;
  using Replica = consensus::pbft::Replica;
  using Client = consensus::pbft::Client;
  using Event = std::variant<Client::Ask, Receive, Tick>;
  using Send = Replica::Send;
  using Action = std::variant<Send, Client::Send, Replica::Executed, Replica::Installed, Replica::Entered,
                              Client::Answered, consensus::pbft::PersistView, consensus::pbft::PersistPlace,
                              consensus::pbft::PersistState>;
  using Actions = std::vector<Action>;

  PbftNode(Replica::Config replica, Client::Config client, const consensus::pbft::Durable* restored)
      : self_(replica.group.self), replica_(std::move(replica), restored), client_(std::move(client)) {}

  [[nodiscard]] Actions step(Instant now, const Event& event) {
    Actions actions;
    if (const auto* ask = std::get_if<Client::Ask>(&event)) {
      add_asked(now, client_.step(now, *ask), actions);
    } else if (const auto* receive = std::get_if<Receive>(&event)) {
      if (std::holds_alternative<consensus::pbft::Reply>(receive->message)) {
        add_asked(now, client_.step(now, Client::Receive{receive->from, receive->message}), actions);
      } else {
        add(replica_.step(now, Replica::Receive{receive->from, receive->message}), actions);
      }
    } else {
      add(replica_.step(now, Replica::Tick{}), actions);
      add(client_.step(now, Client::Tick{}), actions);
    }
    return actions;
  }
  std::optional<Instant> deadline() const {
    const auto replica = replica_.deadline(), client = client_.deadline();
    return !replica || (client && *client < *replica) ? client : replica;
  }
  const Replica& replica() const { return replica_; }
  // By which anybody can see what the first place has.
  std::optional<Message> proof() const {
    const auto* first = replica_.committed(1);
    return first == nullptr ? std::nullopt : std::optional<Message>(*first);
  }

 private:
  template <class Some>
  static void add(std::vector<Some> from, Actions& to) {
    for (auto& action : from) std::visit([&](auto& what) { to.push_back(std::move(what)); }, action);
  }

  // A request that goes to one replica, another one.
  void add_asked(Instant now, Client::Actions from, Actions& to) {
    for (const auto& action : from) {
      const auto* asks = std::get_if<Client::Send>(&action);
      if (asks == nullptr || asks->to == self_) continue;
      auto own = replica_.step(now, Replica::Receive{self_, asks->message});
      std::erase_if(own, [&](const auto& what) {  // the client says it there
        const auto* send = std::get_if<Send>(&what);
        return send != nullptr && send->to == asks->to &&
               std::holds_alternative<consensus::pbft::Request>(send->message);
      });
      add(std::move(own), to);
    }
    add(std::move(from), to);
  }

  NodeId self_;
  Replica replica_;
  Client client_;
};

struct Pbft {
  using Core = PbftNode;
  using Durable = consensus::pbft::Durable;
  using Record = std::variant<consensus::pbft::PersistView, consensus::pbft::PersistPlace,
                              consensus::pbft::PersistState>;
  static constexpr Identity identity{"pbft", "byzantine agreement",
                                     "one order although f of 3f+1 lie (Castro, Liskov 1999)", 4};
  static constexpr std::array options{
      number_option("checkpoint_every", 1, 1'000'000, 128,
                    "requests, after which the agreed ones may be forgotten"),
      duration_option("patience_ms", 1, 300, "for a request, at first: then the next view is asked for"),
      duration_option("resend_ms", 1, 200, "how often a user's request is repeated"),
      number_option("places", 0, 1'000'000, 0, "in the order; 0: any number")};
  static constexpr std::array<std::string_view, 11> types = {
      "request",     "pre-prepare", "prepare",     "commit",   "reply",    "checkpoint",
      "fetch-state", "state",       "view-change", "new-view", "committed"};
  static Result<Core> make(const Setup& setup, const Given& given, const Durable* restored) {
    const auto wrong = [](const char* what, const char* remedy) {
      return Error{ErrorKind::usage, std::string(identity.name), what, remedy};
    };
    if (setup.group.size() % 3 != 1) return wrong("has not 3f+1 nodes", "4, 7, 10, ... can take part");
    if (setup.notary == nullptr) return wrong("cannot sign", "it needs the keys of its nodes");
    Core::Replica::Config replica;
    replica.group = setup.group;
    replica.notary = setup.notary;
    replica.checkpoint_every = given.number("checkpoint_every");
    replica.patience = given.duration("patience_ms");
    replica.places = given.number("places");
    replica.longest_operation = value_limit;
    Core::Client::Config client;
    client.group = setup.group;
    client.notary = setup.notary;
    client.resend = given.duration("resend_ms");
    return Core(replica, client, restored);
  }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<Pbft>(message); }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Propose& wish) { return Core::Client::Ask{wish.value, 0}; }
  static std::optional<Told> told(const Core::Replica::Executed& what) {
    return Decided{what.request.operation, what.sequence};
  }
  static std::optional<Told> told(const Core::Client::Answered& what) { return Answered{what.result}; }
  static std::optional<Told> told(const Core::Replica::Installed&) { return std::nullopt; }
  static std::optional<Told> told(const Core::Replica::Entered&) { return std::nullopt; }
  static std::string key(const consensus::pbft::PersistView&) { return "view"; }
  static std::string key(const consensus::pbft::PersistState&) { return "state"; }
  static std::string key(const consensus::pbft::PersistPlace& what) {
    return "place/" + std::to_string(what.key);
  }
  static void apply(Durable& durable, const consensus::pbft::PersistView& what) { durable.view = what; }
  static void apply(Durable& durable, const consensus::pbft::PersistState& what) { durable.state = what; }
  static void apply(Durable& durable, const consensus::pbft::PersistPlace& what) {
    durable.places[what.key] = what;
  }
  static std::string state(const Core& core) {
    const auto& replica = core.replica();
    return "view " + std::to_string(replica.view()) + (replica.active() ? "" : ", not begun") +
           ", executed to " + std::to_string(replica.state().sequence) + ", stable to " +
           std::to_string(replica.stable());
  }
};

}  // namespace coord::classical
