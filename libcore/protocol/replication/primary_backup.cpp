// SPDX-License-Identifier: MIT
#include "protocol/replication/primary_backup.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::replication {

using namespace primary_backup;

namespace {

constexpr std::size_t sent_again_at_once = 16;

}  // namespace

PrimaryBackup::PrimaryBackup(Config config)
    : config_(std::move(config)), primary_(config_.group.nodes.front()) {
  config_.group.check();
  if (primary_ != config_.group.self) return;
  config_.group.each_other([this](NodeId other) { acknowledged_[other] = 0; });
}

PrimaryBackup::Actions PrimaryBackup::step(Instant now, const Event& event) {
  std::visit([&](const auto& what) { on(now, what); }, event);
  set_timer(now);
  return std::exchange(out_, {});
}

std::set<NodeId> PrimaryBackup::missing() const {
  std::set<NodeId> all;
  for (const auto& [member, place] : acknowledged_) {
    if (!place || *place < log_.size()) all.insert(member);
  }
  return all;
}

void PrimaryBackup::set_timer(Instant now) {
  if (config_.resend == Duration{} || missing().empty()) {
    resend_at_.reset();
  } else if (!resend_at_) {
    resend_at_ = now + config_.resend;
  }
}

void PrimaryBackup::on(Instant, const Write& write) {
  if (primary_ != config_.group.self) {
    out_.push_back(NotPrimary{write.tag, primary_});
    return;
  }
  log_.push_back(write.value);
  for (const auto& [member, place] : acknowledged_)
    out_.push_back(Send{member, Replicate{view_, log_.size(), write.value}});
  waiting_[log_.size()] = write.tag;
  answer_writes();
}

// The user is told when all have it; asynchronously at once.
void PrimaryBackup::answer_writes() {
  std::uint64_t everywhere = log_.size();
  std::uint64_t somewhere = acknowledged_.empty() ? everywhere : 0;
  for (const auto& [member, place] : acknowledged_) {
    everywhere = std::min(everywhere, place.value_or(0));
    somewhere = std::max(somewhere, place.value_or(0));
  }
  const std::uint64_t answered = config_.mode == Mode::asynchronous
                                     ? log_.size()
                                     : COORD_RULE_OR(pb_answered_when_all_have_it, everywhere, somewhere);
  while (!waiting_.empty() && waiting_.begin()->first <= answered) {
    out_.push_back(Written{waiting_.begin()->second, waiting_.begin()->first});
    waiting_.erase(waiting_.begin());
  }
}

void PrimaryBackup::on(Instant, const TakeOver& event) {
  const std::uint64_t view = event.view == 0 ? view_ + 1 : event.view;
  if (view <= view_) return;
  const NodeId before = std::exchange(primary_, config_.group.self);
  view_ = view;
  acknowledged_.clear();
  waiting_.clear();
  for (const NodeId member : config_.group.nodes) {
    const bool is_left = event.members.empty() ? member != before : event.members.contains(member);
    if (is_left && member != primary_) acknowledged_[member] = std::nullopt;
  }
  for (const auto& [member, place] : acknowledged_) out_.push_back(Send{member, BeginView{view_, log_}});
}

void PrimaryBackup::on(Instant, const Tick&) {
  if (!resend_at_) return;
  resend_at_.reset();
  for (const NodeId member : missing()) bring_up(member);
}

void PrimaryBackup::bring_up(NodeId member) {
  const auto& place = acknowledged_.at(member);
  if (!place) {
    out_.push_back(Send{member, BeginView{view_, log_}});
    return;
  }
  const std::uint64_t end = std::min<std::uint64_t>(log_.size(), *place + sent_again_at_once);
  for (std::uint64_t next = *place + 1; next <= end; ++next)
    out_.push_back(Send{member, Replicate{view_, next, log_[next - 1]}});
}

void PrimaryBackup::on(Instant, const Receive& receive) {
  std::visit([&](const auto& message) { this->receive(receive.from, message); }, receive.message);
}

void PrimaryBackup::receive(NodeId from, const Replicate& message) {
  // Of an earlier view, or of a later one whose log is not here yet.
  if (!COORD_RULE(pb_other_views_are_refused, message.view == view_) || primary_ == config_.group.self)
    return;
  if (COORD_RULE_OR(pb_writes_are_taken_in_order, message.place == log_.size() + 1,
                    message.place > log_.size()))
    log_.push_back(message.value);
  out_.push_back(Send{from, Acknowledge{view_, log_.size()}});
}

void PrimaryBackup::receive(NodeId from, const Acknowledge& message) {
  const auto member = acknowledged_.find(from);
  if (message.view != view_ || member == acknowledged_.end() || message.place > log_.size()) return;
  member->second = std::max(member->second.value_or(0), message.place);
  answer_writes();
}

void PrimaryBackup::receive(NodeId from, const BeginView& message) {
  if (message.view < view_ || (message.view == view_ && primary_ != from)) return;
  if (message.view > view_) {
    view_ = message.view;
    primary_ = from;
    acknowledged_.clear();
    waiting_.clear();
    if (COORD_RULE_OR(pb_new_view_brings_its_log, true, false)) log_ = message.log;
  }
  out_.push_back(Send{from, Acknowledge{view_, log_.size()}});
}

std::string_view type_of(const Message& message) {
  static constexpr std::array<std::string_view, std::variant_size_v<Message>> types = {
      "replicate", "acknowledge", "begin-view"};
  return types[message.index()];
}

namespace {

std::string line(const Replicate& message) {
  return fmt::format("replicate {} {} view {}", message.place, message.value, message.view);
}
std::string line(const Acknowledge& message) {
  return fmt::format("acknowledge {} view {}", message.place, message.view);
}
std::string line(const BeginView& message) {
  return fmt::format("begin-view {} with {} writes", message.view, message.log.size());
}

}  // namespace

std::string text(const Message& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

}  // namespace coord::replication
