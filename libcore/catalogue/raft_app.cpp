// SPDX-License-Identifier: MIT
#include "catalogue/raft_app.hpp"

#include "base/format.hpp"
#include "base/random.hpp"
#include "protocol/raft/text.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;

constexpr Duration disk_write = 2ms;

raft::Incarnation incarnation_of(std::size_t node) {
  raft::Incarnation incarnation{};
  incarnation.back() = static_cast<std::uint8_t>(node);
  return incarnation;
}

std::string text_of(const raft::Entry& entry) {
  return std::string(entry.data.begin(), entry.data.end());
}

}  // namespace

Result<std::unique_ptr<RaftApp::Node>> RaftApp::start(Instant now, Port& port) {
  raft::Config config;
  config.self = port.self();
  config.incarnation = incarnation_of(port.self().value);
  raft::Recovered founded;
  for (std::size_t i = 1; i <= nodes_; ++i) {
    config.peers.push_back(NodeId{i});
    founded.hard_state.founders[NodeId{i}] = incarnation_of(i);
  }
  views_[port.self()].push_back({port.world_now(), raft::Role::follower, Term{}, NodeId{}});
  return std::unique_ptr<Node>(new Node{
      raft::Raft(std::move(config), std::move(founded), Random(seed_ * 101 + port.self().value), now)});
}

void RaftApp::on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
  if (const auto* vote = std::get_if<raft::VoteReply>(&message); vote != nullptr && vote->pre) {
    ++(vote->granted ? pre_votes_granted_ : pre_votes_refused_);
  }
  perform(node, now, raft::Receive{from, std::move(message)}, port);
}

void RaftApp::on_input(Node& node, Instant now, Input input, Port& port) {
  if (const auto* command = std::get_if<Command>(&input)) {
    port.note([&] { return fmt::format("is asked for {}", command->text); });
    return perform(node, now, raft::Propose{{Bytes(command->text.begin(), command->text.end())}}, port);
  }
  perform(node, now, std::get<raft::Persisted>(input), port);
}

void RaftApp::on_tick(Node& node, Instant now, Port& port) {
  perform(node, now, raft::Tick{}, port);
}

std::string RaftApp::describe(const Message& message) const {
  return raft::to_text(message);
}

void RaftApp::perform(Node& node, Instant now, const raft::Event& event, Port& port) {
  for (raft::Action& action : node.raft.step(now, event)) {
    if (auto* send = std::get_if<raft::Send>(&action)) {
      port.send(send->to, std::move(send->message));
    } else if (const auto* persist = std::get_if<raft::Persist>(&action)) {
      port.after(disk_write, raft::Persisted{persist->id});
    } else if (const auto* apply = std::get_if<raft::Apply>(&action)) {
      for (const raft::Entry& entry : apply->entries) {
        if (entry.kind != raft::EntryKind::command) continue;
        applied_.emplace(std::pair(port.self(), text_of(entry)), port.world_now());
        port.note([&] { return fmt::format("applies {}", text_of(entry)); });
      }
    } else if (const auto* dropped = std::get_if<raft::ProposalDropped>(&action)) {
      port.note([&] { return fmt::format("refuses {} command: not the leader", dropped->commands.size()); });
    } else if (const auto* changed = std::get_if<raft::RoleChanged>(&action)) {
      port.note([&] {
        return fmt::format(
            "{} of term {}{}", raft::to_text(changed->role), changed->term.value,
            changed->leader.value == 0 ? ", no leader" : fmt::format(", leader {}", changed->leader.value));
      });
      role_changed(port.self(), port.world_now(), *changed);
    }
  }
}

void RaftApp::role_changed(NodeId node, Instant when, const raft::RoleChanged& what) {
  views_[node].push_back({when, what.role, what.term, what.leader});
}

std::optional<Instant> RaftApp::leads_since(NodeId node) {
  std::optional<Instant> since;
  for (const View& view : views_[node]) {
    if (view.role == raft::Role::leader) since = view.since;
  }
  return since;
}

std::optional<Instant> RaftApp::applied(NodeId node, const std::string& command) const {
  const auto found = applied_.find({node, command});
  if (found == applied_.end()) return std::nullopt;
  return found->second;
}

std::vector<Span> RaftApp::spans(Instant end) const {
  std::vector<Span> all;
  for (const auto& [node, views] : views_) {
    for (std::size_t i = 0; i < views.size(); ++i) {
      const View& view = views[i];
      Span span{node, view.since, i + 1 < views.size() ? views[i + 1].since : end, {}, {}};
      if (view.role == raft::Role::leader) {
        span.text = fmt::format("leads term {}", view.term.value);
        span.kind = Span::Kind::working;
      } else if (view.leader.value != 0) {
        span.text = fmt::format("follows {}", view.leader.value);
        span.kind = Span::Kind::other;
      } else {
        span.text = "no leader";
        span.kind = Span::Kind::waiting;
      }
      if (!all.empty() && all.back().node == node && all.back().text == span.text) {
        all.back().to = span.to;  // a candidate that asks again knows no leader still
      } else if (span.to > span.from) {
        all.push_back(std::move(span));
      }
    }
  }
  return all;
}

}  // namespace coord::catalogue
