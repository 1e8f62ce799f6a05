// SPDX-License-Identifier: MIT
#define TOML_EXCEPTIONS 0
#define TOML_FLOAT_CHARCONV 1  // else it brings in streams and locales
#include "cli/config.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "cli/home.hpp"
#include "cli/names.hpp"

namespace coord::cli {
namespace {

constexpr std::size_t largest_file = 1U << 20U;  // bytes; thousands of peers fit

Error unusable(const std::string& where, std::string what, std::string remedy) {
  return Error{ErrorKind::unavailable, where, std::move(what), std::move(remedy)};
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

// Whoever can write it decides which files are made and removed as us, and who grants our locks.
Status check_owner(const std::string& path, int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return unusable(shown(path), std::strerror(errno), "");
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return unusable(shown(path), fmt::format("it belongs to another user (uid {})", status.st_uid),
                    "use one of your own or root's: under sudo, sudo -H");
  if (S_ISFIFO(status.st_mode))
    return unusable(shown(path), "it is a pipe, which is empty when it is read again", "name a file");
  if (S_ISREG(status.st_mode) && (status.st_mode & 022U) != 0)
    return unusable(shown(path), "others may write to it", fmt::format("chmod go-w {}", shown(path)));
  return done();
}

Result<std::string> read_whole(const std::string& path) {
  const auto failed = [&](int error) {
    return unusable(shown(path), std::strerror(error), "correct the file or name another with --config");
  };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a fifo must not hang us
  const int fd = file.get();
  if (fd < 0) return failed(errno);
  if (Status owner = check_owner(path, fd); !owner) return owner.error();
  std::string text;
  std::array<char, 8192> buffer;
  ssize_t n = 0;
  while (text.size() <= largest_file && (n = ::read(fd, buffer.data(), buffer.size())) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  if (n < 0) return failed(errno);
  if (text.size() > largest_file)
    return unusable(shown(path), "is larger than 1 MiB", "is it the right file?");
  return text;
}

// A value as the command line would give it; nothing for what no option can hold.
std::optional<std::string> as_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point()) {
    // Seconds: nine decimals are nanoseconds. Other numbers as they were written.
    const std::string shortest = fmt::format("{}", number->get());
    return shortest.find('e') == std::string::npos ? shortest : fmt::format("{:.9f}", number->get());
  }
  return std::nullopt;
}

Status add_line(std::vector<ConfigLine>& lines, std::string_view key, const toml::node& node,
                const std::string& where) {
  std::optional<std::string> text = as_text(node);
  if (!text)
    return unusable(fmt::format("{}: {}", where, shown(key)), "is no text, number or truth value",
                    "tables and dates are not used");
  lines.push_back({std::string(key), std::move(*text), where});
  return done();
}

}  // namespace

std::optional<std::string> find_config(const std::string& given) {
  if (!given.empty()) return given;
  const char* xdg = std::getenv("XDG_CONFIG_HOME");
  std::string user;
  if (xdg != nullptr && *xdg == '/') {
    user = xdg;
  } else if (const std::optional<std::string> home = own_home()) {
    user = fmt::format("{}/.config", *home);
  }
  const std::string name = "/coordutils/coordd.toml";
  if (!user.empty() && exists(user + name)) return user + name;
  if (exists(fmt::format("/etc{}", name))) return fmt::format("/etc{}", name);
  return std::nullopt;
}

Result<std::vector<ConfigLine>> read_config(const std::string& path) {
  const Result<std::string> text = read_whole(path);
  if (!text) return text.error();
  return parse_config(*text, path);
}

Result<std::vector<ConfigLine>> parse_config(std::string_view text, const std::string& object) {
  const toml::parse_result parsed = toml::parse(text);
  const auto place = [&](const toml::source_region& source) {
    return fmt::format("{}:{}", shown(object), source.begin.line);
  };
  if (!parsed)
    return unusable(place(parsed.error().source()), shown(parsed.error().description()), "correct this line");
  std::vector<ConfigLine> lines;
  for (const auto& [key, node] : parsed.table()) {
    const std::string where = place(node.source());
    if (const auto* list = node.as_array()) {
      if (list->empty())
        return unusable(fmt::format("{}: {}", where, shown(key.str())), "is an empty list",
                        "fill it, or remove the line");
      for (const toml::node& element : *list)
        if (Status added = add_line(lines, key.str(), element, where); !added) return added.error();
    } else if (Status added = add_line(lines, key.str(), node, where); !added) {
      return added.error();
    }
  }
  return lines;
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return fmt::format("{}\"", out);
}

Status load_config(Options& options, const std::string& path) {
  const auto lines = read_config(path);
  if (!lines) return lines.error();
  for (const ConfigLine& line : *lines) {
    const Status stored = options.configure(line.key, line.text, line.where);
    if (stored) continue;
    Error error = stored.error();
    error.kind = ErrorKind::unavailable;
    return error;
  }
  return done();
}

}  // namespace coord::cli
