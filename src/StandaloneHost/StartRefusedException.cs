namespace StandaloneHost;

/// <summary>The application can't start as it is. The message is for whoever starts it and says what to change.</summary>
public sealed class StartRefusedException(string message) : Exception(message);
