// SPDX-License-Identifier: MIT
// The events of this host, as dclock(1) reads them: for --log of the tools, and for coordd --trace-log.
//
// Each message carries how many events of each host its sender knew (a vector clock), so the logs of all
// hosts together tell which event can have caused which. There are two such clocks. One is of each
// generation, an epoch or a decision, whose events are kept in memory for the tools that take part in it. The
// other one is of all generations together; it runs where its events are written down, and goes on from there
// after a restart.
#include <algorithm>
#include <chrono>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "base/rule.hpp"
#include "service/ownership.hpp"

namespace coord::agreements {

namespace {

constexpr std::size_t most_lines = 5'000, most_logs = 64, longest_text = 200;
constexpr std::size_t page_bytes = std::size_t{128} << 10U;

// A line is one line, whatever a value says.
std::string printable(std::string text) {
  if (text.size() > longest_text) text.resize(longest_text);
  std::ranges::replace_if(
      text,
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f; },
      '?');
  return text;
}

const EventLog* find_log(const std::map<Token, EventLog>& logs, Token generation) {
  const auto found = logs.find(generation);
  return found == logs.end() ? nullptr : &found->second;
}

}  // namespace

// Of hosts of the group, and of no more than a message has room for, with this one: it goes along with each,
// whatever others have sent.
void AgreementsPart::take_in(Clock& clock, const Clock& other) const {
  for (const auto& [node, count] : other) {
    if (node == self_ || !COORD_RULE(clocks_are_of_hosts_of_the_group, is_known(node))) continue;
    if (clock.size() + 1 < item_clock_hosts || clock.contains(node))
      clock[node] = std::max(clock[node], count);
  }
}

std::string AgreementsPart::line_of(const node::Moment& moment, const Clock& clock,
                                    const std::string& text) const {
  std::string entries;
  for (const auto& [node, count] : clock) {
    if (count > 0) entries += fmt::format("{}\"{}\":{}", entries.empty() ? "" : ",", host_of(node), count);
  }
  return fmt::format("{} {{{}}} @{} {}", host_of(self_), entries, rfc3339(moment.wall), text);
}

// `received`: what has come, by which this host knows more.
void AgreementsPart::event(const node::Moment& moment, Token generation, const std::string& name,
                           const std::string& what, const Item* received) {
  auto log = logs_.find(generation);
  if (log == logs_.end()) {
    // The oldest goes: of an epoch that is over, or a decision of long ago.
    if (logs_.size() >= most_logs) logs_.erase(logs_.begin());
    log = logs_.emplace(generation, EventLog{name, {}, {}, true}).first;
  }
  if (received == nullptr) return event_in(moment, log->second, what);
  event_in(moment, log->second, what, &received->clock, &received->trace_clock);
}

// `known`: by what has come, of this log; `known_of_all`: of all logs together.
void AgreementsPart::event_in(const node::Moment& moment, EventLog& of, const std::string& what,
                              const Clock* known, const Clock* known_of_all) {
  if (known != nullptr) take_in(of.clock, *known);
  ++of.clock[self_];
  of.whole = of.whole && of.lines.size() < most_lines;
  const std::string text = printable(what);
  if (of.whole) of.lines.push_back(line_of(moment, of.clock, text));
  if (!trace_) return;
  if (known_of_all != nullptr) take_in(trace_clock_, *known_of_all);
  ++trace_clock_[self_];
  trace_(line_of(moment, trace_clock_, printable(fmt::format("{}: {}", of.name, text))));
}

// What is to be sent is an event, and tells what this host knew.
void AgreementsPart::stamp(const node::Moment& moment, const std::string& name, NodeId to,
                           const classical::Algorithm* algorithm, Item& item) {
  event(moment, item.generation, name, fmt::format("{} to {}", words_of(algorithm, item), host_of(to)),
        nullptr);
  item.clock = logs_.at(item.generation).clock;
  if (trace_) item.trace_clock = trace_clock_;
}

void AgreementsPart::note_received(const node::Moment& moment, const std::string& name, NodeId from,
                                   const classical::Algorithm* algorithm, const Item& item) {
  event(moment, item.generation, name, fmt::format("{} from {}", words_of(algorithm, item), host_of(from)),
        &item);
}

std::string AgreementsPart::words_of(const classical::Algorithm* algorithm, const Bytes& message) {
  const auto text = algorithm->describe(message);
  if (!text) return "a message";
  return text->text.starts_with(text->type) ? text->text : fmt::format("{} ({})", text->type, text->text);
}

std::string AgreementsPart::words_of(const classical::Algorithm* algorithm, const Item& item) {
  return item.kind != Item::Kind::message ? name_of(item.kind) : words_of(algorithm, item.message);
}

// What stands behind a write is said, and so an event, when that is over.
bool AgreementsPart::is_settled(Token generation) const {
  const auto site = sites_.find(generation);
  if (site != sites_.end() && !site->second.broken &&
      (site->second.writing > 0 || !site->second.held.empty()))
    return false;
  const auto deal = deals_.find(generation);
  return deal == deals_.end() || deal->second.broken ||
         (deal->second.writing == 0 && deal->second.held.empty() && deal->second.local.empty());
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const GetLog& what) {
  constexpr Duration at_most = std::chrono::seconds(2);
  if (is_settled(what.generation)) return tell_log(tool, find_log(logs_, what.generation), what.after);
  asking_log_.push_back({tool, what, moment.now + at_most});
}

void AgreementsPart::logs_go_on(const node::Moment& moment) {
  std::erase_if(asking_log_, [&](const AskingLog& asking) {
    if (!is_settled(asking.what.generation) && asking.until > moment.now) return false;
    tell_log(asking.tool, find_log(logs_, asking.what.generation), asking.what.after);
    return true;
  });
}

// `log`: null: there is none.
void AgreementsPart::tell_log(Tool tool, const EventLog* log, std::uint64_t after) {
  LogIs page;
  page.whole = log == nullptr || log->whole;
  std::size_t bytes = 0;
  for (std::size_t i = after; log != nullptr && i < log->lines.size(); ++i) {
    bytes += log->lines[i].size() + sizeof(std::uint64_t);
    page.more = bytes > page_bytes;
    if (page.more) break;
    page.lines.push_back(log->lines[i]);
  }
  tell(tool, page);
}

// Whose name it is may ask for its events.
bool AgreementsPart::may_read(const GetLog& what, std::uint32_t uid, const std::string& user) const {
  const auto found = logs_.find(what.generation);
  return found == logs_.end() || service::may_use(found->second.name, uid, user);
}

}  // namespace coord::agreements
