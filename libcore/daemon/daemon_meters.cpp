// SPDX-License-Identifier: MIT
// What this host's tools are granted and lose: audit lines of the log, and metrics.
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "base/utf8.hpp"
#include "daemon/daemon.hpp"
#include "process/boot_time.hpp"
#include "wire/channel.hpp"

namespace coord::daemon {

namespace {

constexpr std::size_t longest_audit = 1024;             // of names
constexpr std::size_t piece = std::size_t{256} << 10U;  // of a page
constexpr std::size_t most_proposed = 4096;             // of entries whose commit is timed

// On one line, whatever bytes it has.
std::string printable(std::string_view text) {
  static constexpr const char* digits = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(character.size());
    if (length > 0 && !is_layout_control(code_point(character)) && character != "\\") {
      out += character;
      continue;
    }
    for (const char c : character) {
      const auto byte = static_cast<unsigned char>(c);
      out += c == '\\' ? std::string("\\\\") : std::string("\\x") + digits[byte >> 4U] + digits[byte & 15U];
    }
  }
  return out;
}

}  // namespace

Status Daemon::open_metrics() {
  for (const std::string& name : settings_.options.metrics_names) meters_.named.try_emplace(name);
  if (!settings_.metrics) return done();
  metrics_ = std::make_shared<MetricsServer>(io_, [this] { return daemon::open_metrics(meters_, gauges()); });
  if (Status listening = metrics_->listen(*settings_.metrics); !listening) return listening;
  metrics_->start();
  return done();
}

void Daemon::note_request(Tool& tool, const local::Request& request) const {
  const auto* acquire = std::get_if<local::Acquire>(&request);
  if (acquire == nullptr) return;
  tool.asked_at = process::boot_now();
  tool.asked_names.clear();
  tool.listed.clear();
  for (const std::string& name : acquire->names) {
    if (tool.asked_names.size() < longest_audit)
      tool.asked_names += (tool.asked_names.empty() ? "" : ",") + name;
    if (meters_.named.contains(name)) tool.listed.push_back(name);
  }
  if (acquire->put) tool.asked_names = acquire->put->key.substr(0, longest_audit);
  const char* const kind = acquire->put ? "key " : acquire->candidacy ? "leadership of " : "";
  tool.asked_for =
      kind + (fmt::format("'{}'", printable(std::string_view(tool.asked_names).substr(0, longest_audit))));
}

void Daemon::audit(const char* event, const Tool& tool, const std::string& line) const {
  if (!log_.wants(net::LogLevel::info)) return;
  log_.audit(fmt::format("{}, token {}", line, tool.token.value),
             {{"COORD_EVENT", event},
              {"COORD_NAME", tool.asked_names.substr(0, longest_audit)},
              {"COORD_TOKEN", std::to_string(tool.token.value)},
              {"COORD_USER", tool.user}});
}

// No tool is there to be told of them.
void Daemon::note_enrolled(const replica::Applied& action) {
  const replica::OrderedLog& log = node_->log();
  for (const auto& change : enrolled_.after(action, settings_.node, log.client(), log.machine())) {
    if (!log_.wants(net::LogLevel::info)) continue;
    const std::string name = printable(std::string_view(change.name).substr(0, longest_audit));
    const std::string user = printable(change.user);
    const std::string line =
        change.gained ? fmt::format("granted leadership of '{}' to {} (enrolled)", name, user)
                      : fmt::format("lost leadership of '{}' of {} (enrolled): {}", name, user, change.why);
    log_.audit(fmt::format("{}, token {}", line, change.token.value),
               {{"COORD_EVENT", change.gained ? "grant" : "loss"},
                {"COORD_NAME", change.name.substr(0, longest_audit)},
                {"COORD_TOKEN", std::to_string(change.token.value)},
                {"COORD_USER", change.user}});
  }
}

void Daemon::note_answer(Tool& tool, const local::Answer& answer) {
  const auto who = [&tool] {
    return fmt::format("{} (pid {})", printable(tool.user),
                       tool.who.pid != 0 ? tool.who.pid : tool.process.pid);
  };
  if (const auto* granted = std::get_if<local::Granted>(&answer)) {
    tool.token = granted->token;
    if (!tool.asked_at || tool.granted_at) return;  // it was held before, by an earlier life or connection
    const Instant now = process::boot_now();
    tool.granted_at = now;
    tool.loss_told = false;
    meters_.granted(tool.listed, now - *tool.asked_at);
    audit("grant", tool, fmt::format("granted {} to {}", tool.asked_for, who()));
  } else if (const auto* lost = std::get_if<local::Lost>(&answer);
             lost != nullptr && !std::exchange(tool.loss_told, true)) {
    const bool broken = lost->why.starts_with("broken by ");
    meters_.lost(tool.listed);
    const std::string what = tool.asked_for.empty() ? "a hold" : tool.asked_for;
    audit(broken ? "break" : "loss", tool,
          fmt::format("lost {} of {}: {}", what, who(), printable(lost->why)));
    note_end(tool);
  } else if (std::holds_alternative<local::Released>(answer)) {
    note_end(tool);
  }
}

// A wrapper whose hold is not renewed stops its command by itself, and lets go of what it cannot keep: to the
// group that is a release, and to people it is a loss.
void Daemon::note_overdue(const node::NodeEvent& event) {
  const auto* const of_service = std::get_if<replica::ServiceEvent>(&event);
  if (of_service == nullptr) return;
  const auto* const said = std::get_if<replica::FromTool>(of_service);
  const auto* const gone = std::get_if<replica::HoldersGone>(of_service);
  const bool lets_go = said != nullptr && std::holds_alternative<local::Release>(said->request);
  if (!lets_go && gone == nullptr) return;
  const auto found = tools_.find(lets_go ? said->connection : gone->connection);
  if (found == tools_.end() || !found->second.granted_at || found->second.loss_told) return;
  if (!node_->service().sessions().is_overdue(process::boot_now(), found->first)) return;
  note_answer(found->second, local::Lost{"no renewal for too long: the peer cannot reach a majority"});
}

void Daemon::note_end(Tool& tool) {
  if (tool.granted_at) meters_.held(tool.listed, process::boot_now() - *tool.granted_at);
  tool.granted_at.reset();
  tool.asked_at.reset();
}

// How long this leader's entries take until a majority has them: the last of each step stands for all of it.
void Daemon::note_commits() {
  if (node_->voter() == nullptr) return;
  const raft::Raft& raft = node_->replica().raft();
  if (raft.role() != raft::Role::leader) return proposed_.clear();
  const Instant now = process::boot_now();
  while (!proposed_.empty() && proposed_.front().first <= raft.commit_index()) {
    meters_.commit.observe(now - proposed_.front().second);
    proposed_.pop_front();
  }
  const bool is_new = proposed_.empty() ? raft.commit_index() < raft.last_index()
                                        : proposed_.back().first < raft.last_index();
  if (is_new && proposed_.size() < most_proposed) proposed_.emplace_back(raft.last_index(), now);
}

Gauges Daemon::gauges() const {
  const service::StateMachine& machine = node_->log().machine();
  Gauges gauges;
  gauges.started_s = static_cast<double>(started_.unix_ns) / 1e9;
  gauges.sessions = machine.state().sessions.size();
  gauges.locks = machine.of<service::Locks>().table().all().size();
  gauges.tools = tools_.size();
  gauges.level = machine.level();
  gauges.leads = role() == raft::Role::leader;
  gauges.has_leader = gauges.leads || node_->log().leader() != NodeId{};
  if (node_->voter() != nullptr) {
    const raft::Raft& raft = node_->replica().raft();
    gauges.term = raft.term().value;
    const std::uint64_t covered = raft.snapshot() == nullptr ? 0 : raft.snapshot()->index.value;
    gauges.log_entries = raft.last_index().value - std::min(covered, raft.last_index().value);
  }
  gauges.log_bytes = log_bytes_;
  gauges.parts = node_->counts_of_parts();
  for (const net::PeerStatus& status : transport_ ? transport_->status() : std::vector<net::PeerStatus>{})
    gauges.links.push_back({status.name, status.link.up, status.link.up ? status.link.rtt : std::nullopt});
  for (const local::PeerRecord& peer : describe().peers) {
    if (peer.local) continue;
    gauges.members.push_back({peer.name, peer.state, {}});
    if (peer.phi_thousandths) gauges.members.back().phi = static_cast<double>(*peer.phi_thousandths) / 1000;
  }
  return gauges;
}

// In pieces that a frame takes; the last one ends with the page.
void Daemon::tell_metrics(replica::ConnectionId connection, const Tool& tool, std::uint64_t request) {
  const std::string page = daemon::open_metrics(meters_, gauges());
  for (std::size_t at = 0; at < page.size(); at += piece) {
    const std::string_view part = std::string_view(page).substr(at, piece);
    tell(connection, tool,
         local::FromPart{request, static_cast<std::uint16_t>(wire::Channel::metrics),
                         Bytes(part.begin(), part.end())});
  }
}

}  // namespace coord::daemon
