// Where the network code tells what happened: one line an event, no secrets. The peer puts time and level
// before it.
#pragma once

#include <functional>
#include <string>

namespace coord::net {

enum class LogLevel { error, warning, info, debug };

using Log = std::function<void(LogLevel, const std::string& line)>;

}  // namespace coord::net
