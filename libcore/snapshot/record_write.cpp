// SPDX-License-Identifier: MIT
#include "base/base64.hpp"
#include "base/json_text.hpp"
#include "base/rfc3339.hpp"
#include "base/utf8.hpp"
#include "snapshot/record_text.hpp"

namespace coord::record {
namespace {

// One line, field by field.
class Line {
 public:
  explicit Line(std::string& out, std::string_view type) : out_(out) {
    out_ += "{\"schema\":1";
    text("type", type);
  }
  void end() { out_ += "}\n"; }

  Line& raw(std::string_view name, std::string_view value) {
    if (out_.back() != '{') out_ += ',';
    append_json(out_, name);
    out_ += ':';
    out_ += value;
    return *this;
  }
  Line& text(std::string_view name, std::string_view value) {
    raw(name, "");
    append_json(out_, value);
    return *this;
  }
  // Any bytes.
  Line& bytes(std::string_view name, std::string_view value) {
    if (is_utf8(value)) return text(name, value);
    return text(name, escaped(value)).text(std::string(name) + "_b64", base64(value));
  }
  Line& count(std::string_view name, std::uint64_t value) { return raw(name, std::to_string(value)); }
  Line& truth(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  Line& counts(std::string_view name, const Counts& values) {
    begin(name, '{');
    for (const auto& [key, value] : values) count(key, value);
    return close('}');
  }
  template <class Items, class Put>
  Line& array(std::string_view name, const Items& items, Put put) {
    begin(name, '[');
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ',';
      first = false;
      put(item);
    }
    return close(']');
  }
  Line& object() {
    out_ += '{';
    return *this;
  }
  Line& close(char bracket) {
    out_ += bracket;
    return *this;
  }

 private:
  void begin(std::string_view name, char bracket) {
    raw(name, "");
    out_ += bracket;
  }
  static std::string escaped(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte < 0x7f && c != '\\')
        out += c;
      else
        out += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
    }
    return out;
  }

  std::string& out_;
};

const std::string& host_of(const Snapshot& snapshot, std::string_view id) {
  static const std::string unknown;
  for (const Member& member : snapshot.members) {
    if (member.id == id) return member.host;
  }
  return unknown;
}

void put_head(std::string& out, const Snapshot& snapshot) {
  Line line(out, "snapshot");
  line.text("id", snapshot.id).bytes("group", snapshot.group).truth("complete", snapshot.complete());
  line.array("missing", snapshot.missing, [&](const Missing& missing) { append_json(out, missing.id); });
  line.array("why", snapshot.missing,
             [&](const Missing& missing) { append_json(out, to_string(missing.why)); });
  line.text("at", rfc3339(snapshot.at)).count("view", snapshot.view);
  line.array("members", snapshot.members, [&](const Member& member) {
    line.object().text("id", member.id).count("life", member.life).bytes("host", member.host).close('}');
  });
  line.count("lines", snapshot.processes.size() + snapshot.channels.size()).end();
}

void put_process(std::string& out, const Snapshot& snapshot, const Process& process) {
  Line line(out, "process");
  line.text("id", process.id).bytes("host", host_of(snapshot, process.id)).bytes("state", process.state);
  line.counts("clock", process.clock.counts()).truth("external", process.external);
  line.counts("sent", process.sent).counts("received", process.received).end();
}

void put_channel(std::string& out, const Channel& channel) {
  Line line(out, "channel");
  line.text("from", channel.from).text("to", channel.to);
  line.array("messages", channel.messages, [&](const Message& message) {
    line.object().count("number", message.number).bytes("body", message.body);
    line.counts("clock", message.clock.counts()).close('}');
  });
  line.truth("full", channel.full).end();
}

Error too_large(const Snapshot& snapshot, const std::string& bound) {
  return Error{ErrorKind::data, "snapshot " + snapshot.id, "is larger than " + bound,
               "take it while less is on its way"};
}

std::size_t clock_entries(const Snapshot& snapshot) {
  std::size_t entries = 0;
  for (const Process& process : snapshot.processes) entries += process.clock.counts().size();
  for (const Channel& channel : snapshot.channels) {
    for (const Message& message : channel.messages) entries += message.clock.counts().size();
  }
  return entries;
}

}  // namespace

Result<std::string> to_text(const Snapshot& snapshot) {
  if (clock_entries(snapshot) > most_clock_entries)
    return too_large(snapshot, std::to_string(most_clock_entries) + " entries of clocks");
  const Error bytes = too_large(snapshot, std::to_string(most_record_bytes >> 20U) + " MiB");
  std::string out;
  put_head(out, snapshot);
  for (const Process& process : snapshot.processes) {
    put_process(out, snapshot, process);
    if (out.size() > most_record_bytes) return bytes;
  }
  for (const Channel& channel : snapshot.channels) {
    put_channel(out, channel);
    if (out.size() > most_record_bytes) return bytes;
  }
  return out;
}

}  // namespace coord::record
