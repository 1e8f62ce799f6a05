// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>
#include <utility>

#include "base/format.hpp"
#include "base/json_reader.hpp"
#include "base/rfc3339.hpp"
#include "snapshot/field_reader.hpp"
#include "snapshot/record_text.hpp"

namespace coord::record {
namespace {

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  Result<Snapshot> read_first() {
    if (!next_line() || !read_head()) return fault();
    return std::move(snapshot_);
  }

  Result<Snapshot> read() {
    if (rest_.size() > most_record_bytes) return error("is larger than a snapshot may be");
    if (!next_line() || !read_head()) return fault();
    while (next_line()) {
      if (lines_read() == lines_) {
        refuse("more lines follow than the first line says");
        return fault();
      }
      if (!read_line()) return fault();
    }
    ++line_number_;
    if (lines_read() < lines_) return error("the file ends before its last line: it was cut off");
    return std::move(snapshot_);
  }

 private:
  bool next_line() {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++line_number_;
    return true;
  }
  Error error(const std::string& what) const {
    return Error{ErrorKind::data, fmt::format("{}:{}", name_, std::max<std::uint64_t>(line_number_, 1)), what,
                 ""};
  }
  Error fault() const { return error(fault_.empty() ? "the file is empty" : fault_); }
  bool refuse(std::string why) {
    if (fault_.empty()) fault_ = std::move(why);
    return false;
  }
  // What went wrong in `in`, as the line's own fault.
  bool done(JsonReader& in, bool read) { return (read && in.end()) || refuse(in.fault()); }

  // The fields may come in any order, so the type is looked for first.
  bool read_type(std::string& type) {
    JsonReader in(line_);
    std::uint64_t schema = 0;
    const bool read = in.object([&](const std::string& name) {
      if (name == "type") return in.string(type);
      return name == "schema" ? in.count(schema) : in.skip();
    });
    if (!done(in, read)) return false;
    if (schema != 1) return refuse("it is not of schema 1, or is no snapshot");
    return true;
  }

  bool read_head() {
    std::string type;
    if (!read_type(type)) return false;
    if (type != "snapshot") return refuse("the first line is not of a snapshot");
    JsonReader in(line_);
    Fields fields(in);
    bool complete = false;
    std::vector<std::string> missing, why;
    const bool read = in.object([&](const std::string& name) {
      fields.found(name);
      if (name == "id") return fields.text(snapshot_.id);
      if (name == "group" || name == "group_b64")
        return fields.bytes("group", name, snapshot_.group, longest_name);
      if (name == "complete") return in.boolean(complete);
      if (name == "missing") return texts(in, fields, missing);
      if (name == "why") return texts(in, fields, why);
      if (name == "at") return read_time(in);
      if (name == "view") return in.count(snapshot_.view);
      if (name == "members") return in.array([&] { return read_member(in); });
      if (name == "lines") return in.count(lines_);
      return in.skip();
    }) && fields.complete({"id", "group", "complete", "missing", "why", "at", "view", "members", "lines"});
    if (!done(in, read)) return false;
    if (snapshot_.id.empty()) return refuse("\"id\" is empty");
    if (missing.size() != why.size()) return refuse("\"missing\" and \"why\" are not of one length");
    for (std::size_t i = 0; i < missing.size(); ++i) {
      const auto reason = why_of(why[i]);
      if (!reason) return refuse("\"why\" has an unknown word");
      snapshot_.missing.push_back({std::move(missing[i]), *reason});
    }
    return complete == snapshot_.complete() || refuse("\"complete\" contradicts \"missing\"");
  }
  static bool texts(JsonReader& in, Fields& fields, std::vector<std::string>& out) {
    return in.array([&] {
      if (out.size() >= most_members * 2) return in.refuse("there are too many entries");
      return fields.text(out.emplace_back(), longest_name * 2 + 3);
    });
  }
  bool read_time(JsonReader& in) {
    std::string text;
    if (!in.string(text)) return false;
    const auto time = parse_rfc3339(text);
    if (!time) return in.refuse("\"at\" is not a time of RFC 3339");
    snapshot_.at = *time;
    return true;
  }
  bool read_member(JsonReader& in) {
    Member member;
    Fields fields(in);
    const bool read = in.object([&](const std::string& name) {
      fields.found(name);
      if (name == "id") return fields.text(member.id);
      if (name == "life") return in.count(member.life);
      if (name == "host" || name == "host_b64") return fields.bytes("host", name, member.host, longest_name);
      return in.skip();
    }) && fields.complete({"id", "life", "host"});
    if (!read) return false;
    if (const char* why = id_fault(member.id)) return in.refuse(std::string("a member's id: ") + why);
    if (!members_.insert(member.id).second) return in.refuse("a member comes twice");
    if (members_.size() > most_members) return in.refuse("there are too many members");
    snapshot_.members.push_back(std::move(member));
    return true;
  }

  bool read_line() {
    std::string type;
    if (!read_type(type)) return false;
    if (type == "process") return read_process();
    if (type == "channel") return read_channel();
    if (type == "peer") return read_peer_line();
    if (type == "link") return read_link_line();
    return refuse(type == "snapshot" ? "a second snapshot begins" : "the line is of an unknown type");
  }
  bool is_member(const std::string& id) { return members_.contains(id) || refuse("it names no member"); }
  bool are_members(const Counts& counts) {
    clock_entries_ += counts.size();
    if (clock_entries_ > most_clock_entries) return refuse("there are too many entries of clocks");
    return std::ranges::all_of(counts, [&](const auto& entry) { return is_member(entry.first); });
  }

  bool read_process() {
    JsonReader in(line_);
    Fields fields(in);
    Process process;
    const bool read = in.object([&](const std::string& name) {
      fields.found(name);
      if (name == "id") return fields.text(process.id);
      if (name == "state" || name == "state_b64")
        return fields.bytes("state", name, process.state, longest_body);
      if (name == "clock") return fields.clock(process.clock);
      if (name == "external") return in.boolean(process.external);
      if (name == "sent") return fields.counts(process.sent);
      if (name == "received") return fields.counts(process.received);
      return in.skip();
    }) && fields.complete({"id", "state", "clock", "external", "sent", "received"});
    if (!done(in, read)) return false;
    if (!processes_.insert(process.id).second) return refuse("the process comes twice");
    if (!is_member(process.id) || !are_members(process.clock.counts()) || !are_members(process.sent) ||
        !are_members(process.received))
      return false;
    snapshot_.processes.push_back(std::move(process));
    return true;
  }

  bool read_channel() {
    JsonReader in(line_);
    Fields fields(in);
    Channel channel;
    const bool read = in.object([&](const std::string& name) {
      fields.found(name);
      if (name == "from") return fields.text(channel.from);
      if (name == "to") return fields.text(channel.to);
      if (name == "full") return in.boolean(channel.full);
      if (name == "messages") return in.array([&] { return read_message(in, channel); });
      return in.skip();
    }) && fields.complete({"from", "to", "messages", "full"});
    if (!done(in, read)) return false;
    if (channel.from == channel.to) return refuse("a channel leads from a process to itself");
    if (!is_member(channel.from) || !is_member(channel.to)) return false;
    if (!channels_.insert({channel.from, channel.to}).second) return refuse("the channel comes twice");
    snapshot_.channels.push_back(std::move(channel));
    return true;
  }
  bool read_message(JsonReader& in, Channel& channel) {
    Message message;
    Fields fields(in);
    const bool read = in.object([&](const std::string& name) {
      fields.found(name);
      if (name == "number") return in.count(message.number);
      if (name == "body" || name == "body_b64") return fields.bytes("body", name, message.body, longest_body);
      if (name == "clock") return fields.clock(message.clock);
      return in.skip();
    }) && fields.complete({"number", "body", "clock"});
    if (!read) return false;
    if (!are_members(message.clock.counts())) return in.refuse(fault_);
    channel.messages.push_back(std::move(message));
    return true;
  }

  std::size_t lines_read() const {
    return snapshot_.processes.size() + snapshot_.channels.size() + snapshot_.peers.size() +
           snapshot_.links.size();
  }

  bool read_peer_line() {
    JsonReader in(line_);
    Peer peer;
    if (!done(in, read_peer(in, peer))) return false;
    if (!processes_.insert(peer.name).second) return refuse("the peer comes twice");
    if (!is_member(peer.name)) return false;
    snapshot_.peers.push_back(std::move(peer));
    return true;
  }

  bool read_link_line() {
    JsonReader in(line_);
    Link link;
    if (!done(in, read_link(in, link))) return false;
    if (link.from == link.to) return refuse("a link leads from a peer to itself");
    if (!is_member(link.from) || !is_member(link.to)) return false;
    if (!channels_.insert({link.from, link.to}).second) return refuse("the link comes twice");
    snapshot_.links.push_back(std::move(link));
    return true;
  }

  std::string_view rest_, line_;
  const std::string& name_;
  std::uint64_t line_number_ = 0;
  std::uint64_t lines_ = 0;        // that follow the first one
  std::size_t clock_entries_ = 0;  // and of counts
  std::string fault_;
  Snapshot snapshot_;
  std::set<std::string, std::less<>> members_, processes_;
  std::set<std::pair<std::string, std::string>> channels_;
};

}  // namespace

Result<Snapshot> head_of(std::string_view line, const std::string& name) {
  return Reader(line, name).read_first();
}

Result<Snapshot> from_text(std::string_view text, const std::string& name) {
  return Reader(text, name).read();
}

}  // namespace coord::record
