namespace StandaloneHost;

/// <summary>The application can't be started as it is; the message is for whoever starts it, and says how to mend it.</summary>
internal sealed class StartRefusedException(string message) : Exception(message);
